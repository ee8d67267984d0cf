"""Time limit for the database work of one request.

Only time spent inside the driver counts: a request that reads a slow upload, hashes a password, waits for another
service or waits for a processor has used none of it.
"""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar

import pymongo

from shop.errors import DatabaseUnavailable


class _RequestTime:
    """Seconds of driver time that a request has left, and seconds that it has waited for other services."""

    def __init__(self, database_seconds: float) -> None:
        self.database_seconds_left = database_seconds
        self.external_seconds = 0.0


_current: ContextVar[_RequestTime | None] = ContextVar("request_time", default=None)


@contextmanager
def limited_database_time(seconds: float) -> Iterator[None]:
    """Limit the time that all driver calls of the block take together."""
    token = _current.set(_RequestTime(seconds))
    try:
        yield
    finally:
        _current.reset(token)


class _DriverCall:
    """One driver call of a request: limited to what is left of the request's time, and charged to it."""

    __slots__ = ("_request", "_started", "_timeout")

    def __init__(self, request: _RequestTime) -> None:
        self._request = request

    def __enter__(self) -> None:
        if self._request.database_seconds_left <= 0:
            raise DatabaseUnavailable
        self._timeout = pymongo.timeout(self._request.database_seconds_left)
        self._timeout.__enter__()
        self._started = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self._request.database_seconds_left -= time.monotonic() - self._started
        self._timeout.__exit__(None, None, None)


_UNLIMITED = nullcontext()


def driver_call() -> AbstractContextManager[None]:
    """Return the context for one call of the driver. Outside of requests there is no limit.

    Raises ``DatabaseUnavailable`` if the request has no time left.
    """
    request = _current.get()
    return _UNLIMITED if request is None else _DriverCall(request)


def is_limited() -> bool:
    """Return whether driver calls are limited here."""
    return _current.get() is not None


@contextmanager
def external_call() -> Iterator[None]:
    """Add the time of the block to what this request has waited for other services."""
    started = time.monotonic()
    try:
        yield
    finally:
        if (request := _current.get()) is not None:
            request.external_seconds += time.monotonic() - started


def external_seconds() -> float:
    """Return how long this request has waited for other services; 0 outside of requests."""
    request = _current.get()
    return request.external_seconds if request else 0.0
