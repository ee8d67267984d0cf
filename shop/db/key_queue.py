"""Mutual exclusion by key between the threads of one process, in order of arrival."""

import threading
from collections.abc import Hashable, Set


class KeyQueue:
    """Holds keys for threads; whoever waits is served before later arrivals that want one of the same keys."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held: set[Hashable] = set()
        self._waiting: list[Set[Hashable]] = []

    @property
    def waiting(self) -> int:
        """Number of threads that wait now."""
        return len(self._waiting)

    def try_acquire(self, keys: Set[Hashable]) -> bool:
        """Hold all the keys and return True, or return False at once if one is held or waited for."""
        with self._changed:
            if not self._is_free(keys, before=len(self._waiting)):
                return False
            self._held |= keys
            return True

    def acquire(self, keys: Set[Hashable], *, timeout: float) -> bool:
        """Wait for all the keys, holding none; return False if that takes longer than ``timeout`` seconds."""
        # A copy, so that each entry is an object of its own.
        entry = set(keys)
        with self._changed:
            self._waiting.append(entry)
            try:
                acquired = self._changed.wait_for(lambda: self._is_free(entry, before=self._position(entry)), timeout)
                if acquired:
                    self._held |= entry
            finally:
                del self._waiting[self._position(entry)]
                # Those behind may want other keys of this entry, which nobody ahead waits for now.
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
