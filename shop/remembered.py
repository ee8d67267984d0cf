"""Remembering for a moment what was just looked up, in each server process by itself."""

import threading
import time
from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
V = TypeVar("V")


class Remembered(Generic[V]):
    """Values that are given away for so many ``seconds``; of more than ``most`` at once, the others are not kept.

    No value is None.
    """

    def __init__(self, *, seconds: float, most: int) -> None:
        self._seconds, self._most = seconds, most
        self._values: dict[Hashable, tuple[float, V]] = {}
        self._lock = threading.Lock()
        # When room is looked for again, where there was none.
        self._next_look = 0.0
        _forgetting.append(self.forget)

    def recall(self, key: Hashable) -> V | None:
        """Return what was remembered under this key, unless its time is over."""
        found = self._values.get(key)
        return found[1] if found is not None and time.monotonic() < found[0] else None

    def remember(self, key: Hashable, value: V, *, seconds: float | None = None) -> None:
        """Keep the value from now on, or for so many other ``seconds``."""
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
    """Return a decorator like ``functools.lru_cache``: for what depends on settings at most, which tests change."""

    def decorate(function: Callable[P, V]) -> Callable[P, V]:
        cached = lru_cache(maxsize=most)(function)
        _forgetting.append(cached.cache_clear)
        return cached

    return decorate


_forgetting: list[Callable[[], None]] = []


def forget_everything() -> None:
    """Begin anew, as a process does."""
    for forget in _forgetting:
        forget()
