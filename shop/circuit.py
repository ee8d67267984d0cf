"""A circuit breaker before the database, one per server process.

A request waits up to ``REQUEST_DATABASE_SECONDS`` for a database that does not answer. If every request did, the
server's threads would all stand waiting, and those behind them would not be answered in time. So once the database was
away, the circuit is open: requests are refused at once, but for one at a time that tries; when one gets through, the
circuit is closed again.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar

import pymongo
from django.conf import settings

from shop.errors import DatabaseUnavailable

PROBE_SECONDS = 2.0


class _Deadline:
    """The driver's deadline of one request; its clock stands still while another service is waited for."""

    def __init__(self, seconds: float) -> None:
        self.seconds_left = seconds
        self.seconds_outside = 0.0
        self._driver = ExitStack()

    def run(self) -> None:
        self._started = time.monotonic()
        self._driver.enter_context(pymongo.timeout(max(self.seconds_left, 0.001)))

    def stop(self) -> None:
        self.seconds_left -= time.monotonic() - self._started
        self._driver.close()


_current: ContextVar[_Deadline | None] = ContextVar("database_deadline", default=None)


@contextmanager
def elsewhere() -> Iterator[None]:
    """Stop the database's clock for a block that waits for another service, or computes for long."""
    deadline = _current.get()
    if deadline is None:
        yield
        return
    deadline.stop()
    left_at = time.monotonic()
    try:
        yield
    finally:
        deadline.seconds_outside += time.monotonic() - left_at
        deadline.run()


def seconds_elsewhere() -> float:
    """Return how long this request has waited for other services; 0 outside of requests."""
    deadline = _current.get()
    return deadline.seconds_outside if deadline else 0.0


@contextmanager
def _bounded(seconds: float) -> Iterator[None]:
    deadline = _Deadline(seconds)
    mark = _current.set(deadline)
    deadline.run()
    try:
        yield
    finally:
        deadline.stop()
        _current.reset(mark)


class Circuit:
    """Closed while the database answers; :meth:`outage_noticed` opens it."""

    def __init__(self) -> None:
        self._probing = threading.Lock()
        self._outages = 0
        self._open = False

    @contextmanager
    def deadline(self) -> Iterator[None]:
        """Bound all the database work of the block; raise ``DatabaseUnavailable`` at once while the circuit is open."""
        if not self._open:
            with _bounded(settings.REQUEST_DATABASE_SECONDS):
                yield
        elif self._probing.acquire(blocking=False):
            before = self._outages
            try:
                with _bounded(PROBE_SECONDS):
                    yield
                if self._outages == before:
                    self._open = False
            finally:
                self._probing.release()
        else:
            raise DatabaseUnavailable

    def outage_noticed(self) -> None:
        """The database did not answer, or not in time."""
        self._outages += 1
        self._open = True


circuit = Circuit()
