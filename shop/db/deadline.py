"""Time limit for the database calls of one request.

Counts only time inside the driver, not uploads, password hashing, other services or waiting for a CPU.
"""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar

import pymongo

from shop.api.errors import DatabaseUnavailable


class _RequestTime:
    """Remaining driver time of a request, and time spent waiting for other services, in seconds."""

    def __init__(self, database_seconds: float) -> None:
        self.database_seconds_left = database_seconds
        self.external_seconds = 0.0


_current: ContextVar[_RequestTime | None] = ContextVar("request_time", default=None)


@contextmanager
def limited_database_time(seconds: float) -> Iterator[None]:
    """Limit the total time of all driver calls in the block."""
    token = _current.set(_RequestTime(seconds))
    try:
        yield
    finally:
        _current.reset(token)


class _DriverCall:
    """A driver call, limited by the request's remaining time and charged to it."""

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
    """Return the context manager for one driver call; unlimited outside of requests.

    Raises ``DatabaseUnavailable`` if the request has no time left.
    """
    request = _current.get()
    return _UNLIMITED if request is None else _DriverCall(request)


def is_limited() -> bool:
    return _current.get() is not None


@contextmanager
def external_call() -> Iterator[None]:
    """Add the time of the block to the request's waiting time for other services."""
    started = time.monotonic()
    try:
        yield
    finally:
        if (request := _current.get()) is not None:
            request.external_seconds += time.monotonic() - started


def external_seconds() -> float:
    """Return the seconds this request has waited for other services; 0 outside of requests."""
    request = _current.get()
    return request.external_seconds if request else 0.0
