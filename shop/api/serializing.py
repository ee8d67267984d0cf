"""Shared serializers, since creating one copies all fields (a tenth of a purchase's time).

They must keep no state.
"""

from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from functools import cache
from typing import Any

from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.serializers import Serializer
from rest_framework.settings import api_settings

_current: ContextVar[Mapping[str, Any]] = ContextVar("serializer_context")


class _CurrentContext(Mapping[str, Any]):
    def __getitem__(self, key: str) -> Any:
        return _current.get()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(_current.get())

    def __len__(self) -> int:
        return len(_current.get())


@cache
def _shared(serializer_class: type[Serializer]) -> Serializer:
    return serializer_class(context=_CurrentContext())


def represent(serializer_class: type[Serializer], instance: Any, *, context: Mapping[str, Any]) -> dict[str, Any]:
    token = _current.set(context)
    try:
        return _shared(serializer_class).to_representation(instance)
    finally:
        _current.reset(token)


def validate(serializer_class: type[Serializer], data: Any, *, context: Mapping[str, Any]) -> dict[str, Any]:
    """Raises ``ValidationError``."""
    if data is None:
        raise ValidationError({api_settings.NON_FIELD_ERRORS_KEY: [ErrorDetail("No data provided", code="null")]})
    token = _current.set(context)
    try:
        return _shared(serializer_class).run_validation(data)
    finally:
        _current.reset(token)
