"""Serializers that are made once for each thread, instead of at every request.

Making one copies every field that its class declares, which takes ten times as long as the work it is made for.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rest_framework.fields import Field, empty
from rest_framework.serializers import Serializer

_made = threading.local()


class OptionalNulls(Serializer):
    """Mixin: ``null`` for a field that is not required means an empty text, or the same as leaving the field out."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, Mapping) and None in data.values():
            nulls = {name for name, value in data.items() if value is None and takes_null(self.fields.get(name))}
            empty = {name: "" for name in nulls if getattr(self.fields[name], "allow_blank", False)}
            data = {name: value for name, value in data.items() if name not in nulls} | empty
        return super().to_internal_value(data)


def takes_null(field: Field | None) -> bool:
    """Return whether :class:`OptionalNulls` accepts null for a field that itself does not.

    Not if there is a default that null would mean by accident, such as a quantity of 1.
    """
    if field is None or field.required or field.read_only or field.allow_null:
        return False
    return field.default is empty or getattr(field, "allow_blank", False)


def represent(serializer_class: type[Serializer], instance: Any, *, context: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``serializer_class(instance, context=context).data`` would."""
    with _serializer(serializer_class, context) as serializer:
        return serializer.to_representation(instance)


def validated(serializer_class: type[Serializer], data: Any, *, context: Mapping[str, Any]) -> dict[str, Any]:
    """Return the validated ``data`` of a request. Raises ``ValidationError``, as ``is_valid`` would."""
    with _serializer(serializer_class, context) as serializer:
        serializer.initial_data = data
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data


@contextmanager
def _serializer(serializer_class: type[Serializer], context: Mapping[str, Any]) -> Iterator[Any]:
    """Lend this thread's serializer of that class, and take from it afterwards what it knows of the request."""
    serializers = vars(_made)
    # Not there while it is lent: one that is needed inside itself is another one.
    serializer = serializers.pop(serializer_class, None) or serializer_class()
    serializer._context = context
    try:
        yield serializer
    finally:
        serializer._context = {}
        for name in ("initial_data", "_validated_data", "_errors"):
            vars(serializer).pop(name, None)
        serializers[serializer_class] = serializer
