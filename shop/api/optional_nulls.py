from collections.abc import Mapping
from typing import Any

from rest_framework.fields import Field, empty
from rest_framework.serializers import Serializer


class OptionalNulls(Serializer):
    """Treat ``null`` for an optional field as "" if blank is allowed, else as omitted."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, Mapping) and None in data.values():
            nulls = {name for name, value in data.items() if value is None and takes_null(self.fields.get(name))}
            empty = {name: "" for name in nulls if getattr(self.fields[name], "allow_blank", False)}
            data = {name: value for name, value in data.items() if name not in nulls} | empty
        return super().to_internal_value(data)


def takes_null(field: Field | None) -> bool:
    """Return whether :class:`OptionalNulls` accepts null; not if omitting the field means a default."""
    if field is None or field.required or field.read_only or field.allow_null:
        return False
    return field.default is empty or getattr(field, "allow_blank", False)
