"""Thread-safe caches per process."""

import threading
from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Generic, ParamSpec, TypeVar, cast

from cachetools import TLRUCache

P = ParamSpec("P")
V = TypeVar("V")


class TTLCache(Generic[V]):
    """Keep at most ``maxsize`` values other than None, dropping the least recently used."""

    def __init__(self, *, seconds: float, maxsize: int) -> None:
        self._seconds = seconds
        self._entries: TLRUCache[Hashable, tuple[V, float]] = TLRUCache(
            maxsize, ttu=lambda _, entry, now: now + entry[1]
        )
        self._lock = threading.Lock()
        _clear_functions.append(self.clear)

    def get(self, key: Hashable) -> V | None:
        with self._lock:
            entry = self._entries.get(key)
        return None if entry is None else entry[0]

    def set(self, key: Hashable, value: V, *, seconds: float | None = None) -> None:
        with self._lock:
            self._entries[key] = value, seconds or self._seconds

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()


def cached(*, maxsize: int) -> Callable[[Callable[P, V]], Callable[P, V]]:
    """``lru_cache`` that :func:`clear_all` clears."""

    def decorate(function: Callable[P, V]) -> Callable[P, V]:
        wrapped = lru_cache(maxsize=maxsize)(function)
        _clear_functions.append(wrapped.cache_clear)
        return cast("Callable[P, V]", wrapped)

    return decorate


_clear_functions: list[Callable[[], None]] = []


def clear_all() -> None:
    for clear in _clear_functions:
        clear()
