"""Model fields that normalize texts; raw queries must call `shop.db.identifiers`."""

from collections.abc import Sequence
from typing import Any, cast

from bson import Timestamp
from django import forms
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import models
from django_mongodb_backend.fields import ArrayField

from shop.db import identifiers

# Keys contain no line break.
_SEPARATOR = "\n"


def field_of(model: type[models.Model], name: str) -> "models.Field[Any, Any]":
    """Return a field that has a column. Raises ``FieldDoesNotExist``."""
    field = model._meta.get_field(name)
    if not isinstance(field, models.Field):
        raise FieldDoesNotExist(name)
    return field


def column_of(field: "models.Field[Any, Any]") -> str:
    """Return the field's name in MongoDB."""
    return cast("str", field.column)


class _Normalized(models.Field):
    @staticmethod
    def normalize(text: str) -> str:
        raise NotImplementedError

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        return self.normalize(value) if isinstance(value, str) else value

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = self.to_python(super().pre_save(model_instance, add))
        setattr(model_instance, self.attname, value)
        return value


class CodeField(_Normalized, models.CharField):
    """A code that keeps its case."""

    normalize = staticmethod(identifiers.code)


class UpperCodeField(_Normalized, models.CharField):
    normalize = staticmethod(identifiers.upper_code)


class LabelField(_Normalized, models.CharField):
    """A displayed text of one line."""

    normalize = staticmethod(identifiers.label)


class LowerSlugFormField(forms.SlugField):
    """Normalize before validation."""

    def to_python(self, value: Any) -> str:
        return identifiers.slug(super().to_python(value) or "")


class LowerSlugField(_Normalized, models.SlugField):
    normalize = staticmethod(identifiers.slug)

    def formfield(self, **kwargs: Any) -> forms.Field | None:
        return super().formfield(**{"form_class": LowerSlugFormField, **kwargs})


class KeyField(models.CharField):
    """Case-insensitive unique key of the field ``of``.

    Rows older than the index may have a :func:`distinct_key` until their text changes.
    """

    def __init__(self, *, of: str = "", **kwargs: Any) -> None:
        self.of = of
        super().__init__(**{"max_length": 255, "editable": False, "default": "", **kwargs})

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "of": self.of}

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        found = identifiers.key(getattr(model_instance, self.of))
        if not is_distinct_key(getattr(model_instance, self.attname), found):
            setattr(model_instance, self.attname, found)
        return getattr(model_instance, self.attname)


def distinct_key(key: str, pk: Any) -> str:
    """Return a key for a row with the ``key`` of an older one."""
    return f"{key}{_SEPARATOR}{pk}"


def is_distinct_key(stored: str, key: str | None = None) -> bool:
    """Return whether :func:`distinct_key` made ``stored``, from ``key`` if given."""
    return stored.startswith(f"{key}{_SEPARATOR}") if key is not None else _SEPARATOR in stored


class TagsField(ArrayField):
    """Distinct tags in lower case, sorted."""

    def to_python(self, value: Any) -> Any:
        return normalized_tags(super().to_python(value))

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = self.to_python(super().pre_save(model_instance, add))
        setattr(model_instance, self.attname, value)
        return value


def normalized_tags(value: Any) -> Any:
    """Normalize; return values of other shapes unchanged."""
    if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
        return value
    return sorted({tag for text in value if (tag := identifiers.slug(text))})


class ServerTimestampField(models.Field):
    """A BSON timestamp, which the server sets when it inserts the document.

    It is later than that of each insert of a transaction whose writes this one could see. Rows cannot be saved again.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "editable": False, "null": True})

    def db_type(self, connection: Any) -> str:
        return "timestamp"

    def pre_save(self, model_instance: models.Model, add: bool) -> Timestamp:
        return Timestamp(0, 0)


class LabelsField(models.JSONField):
    """An object of texts, such as ``{"colour": "Red"}``."""

    def to_python(self, value: Any) -> Any:
        return normalized_labels(super().to_python(value))


class OptionsField(models.JSONField):
    """A list of names with values, such as ``[{"name": "size", "values": ["S", "M"]}]``."""

    def to_python(self, value: Any) -> Any:
        return normalized_options(super().to_python(value))


def normalized_options(value: Any) -> Any:
    """Normalize; return values of other shapes unchanged."""
    if not isinstance(value, list):
        return value
    return [_normalized_option(each) for each in value]


def _normalized_option(option: Any) -> Any:
    match option:
        case {"name": str(name), "values": [*values]} if all(isinstance(each, str) for each in values):
            return {**option, "name": identifiers.slug(name), "values": [identifiers.label(each) for each in values]}
        case _:
            return option


def normalized_labels(value: Any) -> Any:
    """Normalize; return values of other shapes unchanged.

    Raises ``ValidationError`` if two names become equal.
    """
    if not isinstance(value, dict) or not all(isinstance(text, str) for pair in value.items() for text in pair):
        return value
    try:
        return identifiers.labels(value)
    except ValueError as error:
        raise ValidationError(f"“{error}” occurs twice.", code="duplicate_name") from error
