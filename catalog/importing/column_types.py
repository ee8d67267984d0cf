"""``show`` exports a field as text, ``put`` sets it from that text."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from bson import ObjectId
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.dateparse import parse_datetime

from catalog import options
from catalog.importing.errors import BadCell
from catalog.models import Category
from shop import money
from shop.db import identifiers
from shop.db.times import validate_time

_YES = frozenset({"yes", "true", "1", "y"})
_NO = frozenset({"no", "false", "0", "n"})
_AMOUNT = re.compile(r"\d{1,10}(\.\d{1,20})?", re.ASCII)


class Column:
    """An empty cell clears a field that may be blank."""

    def __init__(self, field: models.Field, *, name: str = "") -> None:
        self.field = field
        self.name = name or field.name

    def show(self, row: models.Model) -> str:
        return self.text_of(getattr(row, self.field.attname))

    def text_of(self, value: Any) -> str:
        """Return the text of the field's value."""
        return self.to_text(value)

    def canonical(self, text: str) -> str:
        """Return the text as exported. Raises :class:`BadCell`."""
        return self.to_text(self.from_text(text))

    def put(self, row: models.Model, text: str) -> None:
        setattr(row, self.field.attname, self.from_text(text))

    def to_text(self, value: Any) -> str:
        return value

    def from_text(self, text: str) -> Any:
        """Raises :class:`BadCell`."""
        return clean_text(text, self.field)


class MoneyColumn(Column):
    def to_text(self, value: Decimal | None) -> str:
        return "" if value is None else money.display(value)

    def from_text(self, text: str) -> Decimal | None:
        text = text.strip()
        if not text and self.field.null:
            return None
        if not _AMOUNT.fullmatch(text):
            raise BadCell("Enter an amount as digits with a decimal point, such as 19.90.")
        value, step = Decimal(text), money.smallest_step(settings.CURRENCY)
        if value > settings.MAX_PRICE:
            raise BadCell(f"The highest amount is {settings.MAX_PRICE:,}.")
        if value % step:
            raise BadCell(f"Must be a multiple of {step}, the smallest amount that can be charged.")
        return value


class NumberColumn(Column):
    def __init__(self, field: models.Field, *, at_most: int) -> None:
        super().__init__(field)
        self.at_most = at_most

    def to_text(self, value: int | None) -> str:
        return "" if value is None else str(value)

    def from_text(self, text: str) -> int | None:
        return whole_number(text, at_most=self.at_most) if text.strip() else None


class DateColumn(Column):
    def to_text(self, value: date | None) -> str:
        return "" if value is None else f"{value:%Y-%m-%d}"

    def from_text(self, text: str) -> date | None:
        try:
            return date.fromisoformat(text.strip()) if text.strip() else None
        except ValueError as error:
            raise BadCell("Enter a date such as 2026-05-31.") from error


class YesNoColumn(Column):
    def to_text(self, value: bool) -> str:
        return "yes" if value else "no"

    def from_text(self, text: str) -> bool:
        word = text.strip().lower()
        if word not in _YES | _NO:
            raise BadCell("Enter yes or no.")
        return word in _YES


class ChoiceColumn(Column):
    def from_text(self, text: str) -> str:
        choices = [value for value, _ in self.field.flatchoices]
        value = text.strip().lower()
        if value not in choices:
            raise BadCell(f"Enter {', '.join(choices[:-1])} or {choices[-1]}.")
        return value


class CategoryColumn(Column):
    """A category, by slug or path."""

    def __init__(self, field: models.Field, categories: Iterable[Category]) -> None:
        super().__init__(field)
        self._slugs: dict[ObjectId | None, str] = {None: ""}
        self._ids: dict[str, ObjectId | None] = {"": None}
        for category in categories:
            self._slugs[category.pk] = category.slug
            self._ids[category.path] = self._ids[category.slug] = category.pk

    def to_text(self, value: ObjectId | None) -> str:
        return self._slugs.get(value, "")

    def from_text(self, text: str) -> ObjectId | None:
        name = identifiers.slug(text).strip("/")
        if name not in self._ids:
            raise BadCell(f"Category “{name[:150]}” does not exist. Enter a slug or path.", code="does_not_exist")
        return self._ids[name]


class OptionOrderColumn(Column):
    """``size: S | M | L``, one option per line."""

    def to_text(self, value: options.Options) -> str:
        return options.to_text(value)

    def from_text(self, text: str) -> options.Options:
        try:
            return options.from_text(clean_text(text))
        except ValidationError as error:
            raise BadCell(" ".join(error.messages)) from error


class RelatedColumn(Column):
    """Rows of another model by slug, separated by commas."""

    def __init__(self, field: models.Field, read_slugs: Callable[[], Mapping[ObjectId, str]], *, kind: str) -> None:
        super().__init__(field)
        self._read_slugs, self._kind = read_slugs, kind

    @cached_property
    def _slugs(self) -> Mapping[ObjectId, str]:
        # Not before a file needs them.
        return self._read_slugs()

    @cached_property
    def _ids(self) -> Mapping[str, ObjectId]:
        return {slug: pk for pk, slug in self._slugs.items()}

    def to_text(self, value: Sequence[ObjectId]) -> str:
        return ", ".join(sorted(self._slugs[pk] for pk in value if pk in self._slugs))

    def from_text(self, text: str) -> list[ObjectId]:
        slugs = [slug for part in text.split(",") if (slug := identifiers.slug(part))]
        for slug in slugs:
            if slug not in self._ids:
                detail = f"{self._kind} “{slug[:150]}” does not exist. Enter slugs, separated by commas."
                raise BadCell(detail, code="does_not_exist")
        return [self._ids[slug] for slug in sorted(set(slugs))]


class ListColumn(Column):
    """Values separated by commas."""

    def to_text(self, value: Sequence[str]) -> str:
        return ", ".join(value)

    def from_text(self, text: str) -> Any:
        values = [clean_text(part) for part in text.split(",")]
        try:
            return self.field.clean([value for value in values if value], None)
        except ValidationError as error:
            raise BadCell(" ".join(error.messages)) from error


class MomentColumn(Column):
    """``2026-11-27T00:00:00+00:00``"""

    def to_text(self, value: datetime | None) -> str:
        if value is None:
            return ""
        # Documents have naive UTC.
        aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return aware.isoformat(timespec="milliseconds" if aware.microsecond else "seconds")

    def from_text(self, text: str) -> datetime | None:
        if not text.strip():
            return None
        try:
            value = parse_datetime(text.strip())
            if value is not None:
                value = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        except (ValueError, OverflowError):
            value = None
        if value is None:
            raise BadCell("Enter a date and time such as 2026-11-27T00:00+01:00.")
        try:
            validate_time(value)
        except ValidationError as error:
            raise BadCell(" ".join(error.messages)) from error
        return value


class PairColumn(Column):
    """``attr:colour`` of a product, ``option:size`` of a variant."""

    def __init__(self, field: models.Field, name: str) -> None:
        super().__init__(field, name=name)
        self.key = name.partition(":")[2]

    def text_of(self, value: dict[str, str]) -> str:
        return value.get(self.key, "")

    def put(self, row: models.Model, text: str) -> None:
        pairs = {**getattr(row, self.field.attname), self.key: self.from_text(text)}
        setattr(row, self.field.attname, {key: value for key, value in pairs.items() if value or key != self.key})

    def from_text(self, text: str) -> str:
        value = identifiers.label(clean_text(text))
        if len(value) > 200:
            raise BadCell("At most 200 characters.")
        return value


def clean_text(text: str, field: models.Field | None = None) -> str:
    """Strip and validate a text. Raises :class:`BadCell`."""
    value = text.strip().replace("\r\n", "\n")
    if "\0" in value:
        raise BadCell("Contains a NUL character, which is not allowed.")
    if field is None:
        return value
    if field.max_length and len(value) > field.max_length:
        raise BadCell(f"At most {field.max_length} characters.")
    try:
        return field.clean(value, None)
    except ValidationError as error:
        raise BadCell(" ".join(error.messages)) from error


def whole_number(text: str, *, at_most: int = settings.MAX_QUANTITY) -> int:
    """Raises :class:`BadCell`."""
    digits = text.strip()
    if not re.fullmatch(r"\d{1,12}", digits, re.ASCII) or int(digits) > at_most:
        raise BadCell(f"Enter a whole number from 0 to {at_most:,}.")
    return int(digits)
