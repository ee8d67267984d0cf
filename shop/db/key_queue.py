"""Mutual exclusion by key between threads, first come, first served."""

import threading
from collections.abc import Hashable, Set


class KeyQueue:
    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held: set[Hashable] = set()
        self._waiting: list[Set[Hashable]] = []

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def try_acquire(self, keys: Set[Hashable]) -> bool:
        """Lock all keys, or return False if one is locked or waited for."""
        with self._changed:
            if not self._is_free(keys, before=len(self._waiting)):
                return False
            self._held |= keys
            return True

    def acquire(self, keys: Set[Hashable], *, timeout: float) -> bool:
        """Wait for all keys, holding none; return False after ``timeout`` seconds."""
        # Entries are compared by identity.
        entry = set(keys)
        with self._changed:
            self._waiting.append(entry)
            try:
                acquired = self._changed.wait_for(lambda: self._is_free(entry, before=self._position(entry)), timeout)
                if acquired:
                    self._held |= entry
            finally:
                del self._waiting[self._position(entry)]
                # Later entries may want keys that are now free.
                self._changed.notify_all()
        return acquired

    def release(self, keys: Set[Hashable]) -> None:
        with self._changed:
            self._held -= keys
            self._changed.notify_all()

    def _is_free(self, keys: Set[Hashable], *, before: int) -> bool:
        return self._held.isdisjoint(keys) and all(keys.isdisjoint(entry) for entry in self._waiting[:before])

    def _position(self, entry: Set[Hashable]) -> int:
        return next(position for position, each in enumerate(self._waiting) if each is entry)
