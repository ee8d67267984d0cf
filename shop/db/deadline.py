"""Limit of a request's time inside the driver."""

import math
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar

import pymongo

from shop.api.errors import DatabaseUnavailable


class _RequestTime:
    """``external_seconds`` is spent waiting for other services."""

    def __init__(self, database_seconds: float) -> None:
        self.database_seconds_left = database_seconds
        self.external_seconds = 0.0


_current: ContextVar[_RequestTime | None] = ContextVar("request_time", default=None)


@contextmanager
def limited_database_time(seconds: float) -> Iterator[None]:
    """Limit the total time of driver calls."""
    token = _current.set(_RequestTime(seconds))
    try:
        yield
    finally:
        _current.reset(token)


class _DriverCall:
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
    """Limit a driver call. Raises ``DatabaseUnavailable`` if the request has no time left."""
    request = _current.get()
    return _UNLIMITED if request is None else _DriverCall(request)


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
