"""Circuit breakers before the parts outside that a request waits for: the database, Stripe. One each, per process.

A request waits some seconds for a part that does not answer. If every request did, the server's threads would all
stand waiting, and those behind them would not be answered in time. So once a part was away, its circuit is open:
requests are refused at once, but for one at a time that tries; when one gets through, the circuit is closed again.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar

import pymongo
from django.conf import settings

from shop.errors import DatabaseUnavailable, ServiceUnavailable

PROBE_SECONDS = 2.0


class _Deadline:
    """The driver's deadline for a block; its clock stands still while another service is waited for."""

    def __init__(self, seconds: float) -> None:
        self.seconds_left = seconds
        self.seconds_outside = 0.0

    def __enter__(self) -> None:
        self._mark = _current.set(self)
        self.run()

    def __exit__(self, *_: object) -> None:
        self.stop()
        _current.reset(self._mark)

    def run(self) -> None:
        self._started = time.monotonic()
        self._driver = pymongo.timeout(max(self.seconds_left, 0.001))
        self._driver.__enter__()

    def stop(self) -> None:
        self.seconds_left -= time.monotonic() - self._started
        self._driver.__exit__(None, None, None)


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


class Circuit:
    """Closed while the part behind it answers; :meth:`outage_noticed` opens it."""

    def __init__(self, refusal: type[ServiceUnavailable]) -> None:
        self._refusal = refusal
        self.close()

    def close(self) -> None:
        self._probing = threading.Lock()
        self._outages = 0
        self._open = False

    def outage_noticed(self) -> None:
        """The part did not answer, or not in time."""
        self._outages += 1
        self._open = True

    @contextmanager
    def admitted(self) -> Iterator[bool]:
        """Let the block through, telling whether it is the one that tries; refuse it while another one does."""
        if not self._open:
            yield False
        elif self._probing.acquire(blocking=False):
            before = self._outages
            try:
                yield True
            finally:
                self._open = self._outages != before
                self._probing.release()
        else:
            raise self._refusal


class DatabaseCircuit(Circuit):
    """The database's, which bounds what it lets through."""

    def deadline(self) -> AbstractContextManager[None]:
        """Bound all the database work of the block; raise ``DatabaseUnavailable`` at once while the circuit is open."""
        return self._probe() if self._open else _Deadline(settings.REQUEST_DATABASE_SECONDS)

    @contextmanager
    def _probe(self) -> Iterator[None]:
        with self.admitted() as probing, _Deadline(PROBE_SECONDS if probing else settings.REQUEST_DATABASE_SECONDS):
            yield


circuit = DatabaseCircuit(DatabaseUnavailable)
