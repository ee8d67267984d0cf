"""Traces for OpenTelemetry and errors for Sentry, off by default: then neither library is imported."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

_open_span: Callable[[str], AbstractContextManager[Any]] | None = None


def span(name: str) -> AbstractContextManager[Any]:
    """Trace the block if traces are on."""
    return nullcontext() if _open_span is None else _open_span(name)


def open_spans_with(function: Callable[[str], AbstractContextManager[Any]]) -> None:
    global _open_span
    _open_span = function
