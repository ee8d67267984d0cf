"""Thread-safe caches, one of each in every server process."""

import threading
from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Generic, ParamSpec, TypeVar

from cachetools import TLRUCache

P = ParamSpec("P")
V = TypeVar("V")


class TTLCache(Generic[V]):
    """A cache with a lifetime of ``seconds`` that keeps at most ``maxsize`` values, none of them None.

    A full cache drops the values that were used least recently.
    """

    def __init__(self, *, seconds: float, maxsize: int) -> None:
        self._seconds = seconds
        self._entries = TLRUCache(maxsize, ttu=lambda _, entry, now: now + entry[1])
        self._lock = threading.Lock()
        _clear_functions.append(self.clear)

    def get(self, key: Hashable) -> V | None:
        """Return the cached value, or None if it is missing or expired."""
        with self._lock:
            value, _ = self._entries.get(key, (None, 0))
        return value

    def set(self, key: Hashable, value: V, *, seconds: float | None = None) -> None:
        """Cache the value for ``seconds`` (default: those of the cache)."""
        with self._lock:
            self._entries[key] = value, seconds or self._seconds

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()


def cached(*, maxsize: int) -> Callable[[Callable[P, V]], Callable[P, V]]:
    """Return a decorator like ``functools.lru_cache``, cleared by :func:`clear_all`."""

    def decorate(function: Callable[P, V]) -> Callable[P, V]:
        wrapped = lru_cache(maxsize=maxsize)(function)
        _clear_functions.append(wrapped.cache_clear)
        return wrapped

    return decorate


_clear_functions: list[Callable[[], None]] = []


def clear_all() -> None:
    """Clear every cache, as a restart of the process does."""
    for clear in _clear_functions:
        clear()
