"""Small per-process TTL caches."""

import threading
import time
from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
V = TypeVar("V")


class Remembered(Generic[V]):
    """A cache with a lifetime of ``seconds`` that keeps at most ``most`` values, none of them None."""

    def __init__(self, *, seconds: float, most: int) -> None:
        self._seconds, self._most = seconds, most
        self._values: dict[Hashable, tuple[float, V]] = {}
        self._lock = threading.Lock()
        # Next time that a full cache is searched for expired values.
        self._next_look = 0.0
        _forgetting.append(self.forget)

    def recall(self, key: Hashable) -> V | None:
        found = self._values.get(key)
        return found[1] if found is not None and time.monotonic() < found[0] else None

    def remember(self, key: Hashable, value: V, *, seconds: float | None = None) -> None:
        """Cache the value for ``seconds`` (default: those of the cache)."""
        now = time.monotonic()
        with self._lock:
            if len(self._values) >= self._most and now >= self._next_look:
                self._next_look = now + 1.0
                for old in [old for old, (until, _) in self._values.items() if until <= now]:
                    del self._values[old]
            if key in self._values or len(self._values) < self._most:
                self._values[key] = now + (seconds or self._seconds), value

    def forget(self) -> None:
        with self._lock:
            self._values.clear()
            self._next_look = 0.0


def lasting(*, most: int) -> Callable[[Callable[P, V]], Callable[P, V]]:
    """Return a decorator like ``functools.lru_cache``, cleared by :func:`forget_everything`."""

    def decorate(function: Callable[P, V]) -> Callable[P, V]:
        cached = lru_cache(maxsize=most)(function)
        _forgetting.append(cached.cache_clear)
        return cached

    return decorate


_forgetting: list[Callable[[], None]] = []


def forget_everything() -> None:
    """Clear all caches, for tests."""
    for forget in _forgetting:
        forget()
