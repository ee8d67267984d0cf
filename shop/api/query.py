import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.http import QueryDict
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from shop.api.fields import TimeField

_FILTER_WORDS = frozenset(("attr", "attribute", "attributes", "opt", "option", "options", "filter", "filters"))
_MISTAKEN_NAMES = frozenset(("tags", "brands", "categories", "collections", "price_min", "price_max"))
_FIRST_WORD = re.compile("[a-z]*")


def non_blank_parameters(parameters: QueryDict) -> Iterator[tuple[str, list[str]]]:
    for name, values in parameters.lists():
        if found := [value for value in values if value and not value.isspace()]:
            yield name, found


def validated_query(serializer_class: type[serializers.Serializer], parameters: QueryDict) -> dict[str, Any]:
    """Validate the last value of each parameter. Raises ``ValidationError``."""
    serializer = serializer_class(data={name: values[-1] for name, values in non_blank_parameters(parameters)})
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data


def refuse_unknown_filter(name: str) -> None:
    """Refuse a name that looks like a filter, because ignoring it would return too much. Raises ``ValidationError``."""
    word = _FIRST_WORD.match(name.lower())
    is_filter = (word and word[0] in _FILTER_WORDS) or name.lower() in _MISTAKEN_NAMES
    if is_filter or "[" in name or "]" in name or "__" in name.lstrip("_"):
        raise ValidationError({name: "Unknown filter."}, code="unknown_filter")


class ChangesQuerySerializer(serializers.Serializer):
    """Query parameters of lists of rows that are created and change."""

    created_after = TimeField(required=False, help_text="Included.")
    created_before = TimeField(required=False, help_text="Not included.")
    updated_since = TimeField(
        required=False,
        help_text="Sorts by the last change, the oldest first. A change under way appears with the time at which it "
        "started: ask again for the last minute.",
    )


class RepeatedField(serializers.ListField):
    """A repeatable parameter: ``category=shirts&category=hats``."""

    default_error_messages = {"too_many": "At most {most} values are allowed."}

    def __init__(self, *, child: serializers.Field, most: int, **kwargs: Any) -> None:
        self.most = most
        super().__init__(child=child, max_length=most, **kwargs)

    def to_internal_value(self, data: Sequence[str]) -> list[Any]:
        if len(data) > self.most:
            self.fail("too_many", most=self.most)
        return list(dict.fromkeys(self.child.run_validation(value) for value in data))


@extend_schema_field({"anyOf": [{"type": "boolean"}, {"type": "integer", "enum": [0, 1]}]})
class QueryBooleanField(serializers.Field):
    default_error_messages = {"invalid": "Must be true or false."}
    _values: Mapping[str, bool] = {"true": True, "1": True, "false": False, "0": False}

    def to_internal_value(self, data: Any) -> bool:
        value = self._values.get(data.lower()) if isinstance(data, str) else None
        if value is None:
            self.fail("invalid")
        return value

    def to_representation(self, value: bool) -> bool:
        return value
