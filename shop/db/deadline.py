"""Limit of a request's time inside the driver."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass

import pymongo

from shop.api.errors import DatabaseUnavailable


@dataclass(slots=True)
class _RequestTime:
    database_seconds_left: float
    is_refused: Callable[[], bool]
    # Spent waiting for other services.
    external_seconds: float = 0.0


_CLEAN_UP_SECONDS = 0.5

_current: ContextVar[_RequestTime | None] = ContextVar("request_time", default=None)


@contextmanager
def limited_database_time(seconds: float, *, is_refused: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Refuse driver calls of the block after ``seconds`` inside the driver, and while ``is_refused``."""
    token = _current.set(_RequestTime(seconds, is_refused))
    try:
        yield
    finally:
        _current.reset(token)


def clean_up_time() -> AbstractContextManager[None]:
    """Limit the block by itself, because the request may have no time left to undo what it began."""
    return limited_database_time(_CLEAN_UP_SECONDS) if is_limited() else nullcontext()


@contextmanager
def driver_call() -> Iterator[None]:
    """Raises ``DatabaseUnavailable`` if the request has no time left or is refused."""
    request = _current.get()
    if request is None:
        yield
        return
    if request.database_seconds_left <= 0 or request.is_refused():
        raise DatabaseUnavailable
    started = time.monotonic()
    try:
        with pymongo.timeout(request.database_seconds_left):
            yield
    finally:
        request.database_seconds_left -= time.monotonic() - started


def is_limited() -> bool:
    return _current.get() is not None


def database_seconds_left() -> float:
    request = _current.get()
    return math.inf if request is None else request.database_seconds_left


@contextmanager
def external_call() -> Iterator[None]:
    """Count the block as waiting for other services."""
    started = time.monotonic()
    try:
        yield
    finally:
        if (request := _current.get()) is not None:
            request.external_seconds += time.monotonic() - started


def external_seconds() -> float:
    request = _current.get()
    return request.external_seconds if request else 0.0
