"""Thread-safe caches per process."""

import threading
from collections.abc import Hashable
from typing import Any, Generic, TypeVar

from cachetools import TLRUCache

V = TypeVar("V")


class TTLCache(Generic[V]):
    """At most ``maxsize`` values other than None; the least recently used is dropped."""

    def __init__(self, *, seconds: float, maxsize: int) -> None:
        self._seconds = seconds
        self._entries: TLRUCache[Hashable, tuple[V, float]] = TLRUCache(
            maxsize, ttu=lambda _, entry, now: now + entry[1]
        )
        self._lock = threading.Lock()
        _caches.append(self)

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


_caches: list[TTLCache[Any]] = []


def clear_all() -> None:
    for cache in _caches:
        cache.clear()
