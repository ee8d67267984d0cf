"""A circuit breaker before the database, one per server process.

A request waits up to ``REQUEST_DATABASE_SECONDS`` for a database that does not answer. If every request did, the
server's threads would all stand waiting, and those behind them would not be answered in time. So once the database was
away, the circuit is open: requests are refused at once, but for one at a time that tries; when one gets through, the
circuit is closed again.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pymongo
from django.conf import settings

from shop.errors import DatabaseUnavailable

PROBE_SECONDS = 2.0


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
            with pymongo.timeout(settings.REQUEST_DATABASE_SECONDS):
                yield
        elif self._probing.acquire(blocking=False):
            before = self._outages
            try:
                with pymongo.timeout(PROBE_SECONDS):
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
