"""Leases, pauses after failures, and the time for which a task or a batch of jobs may hold the worker."""

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import TypeVar

from django.utils import timezone

T = TypeVar("T")

LEASE = timedelta(seconds=60)
SLICE_SECONDS = 1.0


class TimeLimit:
    """The end of a slice of work, or of a share of it; by default a slice takes ``SLICE_SECONDS``."""

    def __init__(
        self, seconds: float | None = None, *, share: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._ends_at = clock() + share * (SLICE_SECONDS if seconds is None else seconds)

    @property
    def is_over(self) -> bool:
        return self._clock() >= self._ends_at

    def limit(self, items: Iterable[T]) -> Iterator[T]:
        """Yield at least one item, so that each slice makes progress."""
        for item in items:
            yield item
            if self.is_over:
                return


def back_off(failures: int, *, first: timedelta, longest: timedelta) -> timedelta:
    """Return the pause after failures in a row: ``first``, doubled after each further one up to ``longest``."""
    return min(longest, first * 2 ** min(failures - 1, 20))


def now() -> datetime:
    """Truncate to MongoDB's precision, to equal the value read back."""
    moment = timezone.now()
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
