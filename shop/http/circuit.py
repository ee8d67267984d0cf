"""Circuit breakers, per process: requests fail fast while a service does not answer."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pymongo
import structlog
from django.conf import settings
from pymongo.errors import PyMongoError

from shop.api.errors import DatabaseUnavailable, ServiceUnavailable, is_database_outage
from shop.db.connection import mongodb_connection
from shop.db.deadline import limited_database_time
from shop.metrics import circuits

logger = structlog.get_logger(__name__)

PING_SECONDS = 1.0
PING_INTERVAL_SECONDS = 0.25
# Share of the database time that requests keep however long they waited for a thread.
LEAST_SHARE = 1 / 8


class Circuit:
    """Opened by :meth:`record_failure`, then probed by one request at a time."""

    def __init__(self, refusal: type[ServiceUnavailable], *, service: str) -> None:
        self._refusal = refusal
        self._metric = circuits.OPEN.labels(service)
        self.close()

    def close(self) -> None:
        self._probing = threading.Lock()
        self._outages = 0
        self._open = False
        self._metric.set(0)

    def record_failure(self) -> None:
        self._outages += 1
        self._open = True
        self._metric.set(1)

    @contextmanager
    def admit(self) -> Iterator[bool]:
        """Yield whether the block is a probe. Raises the refusal while another request probes."""
        if not self._open:
            yield False
        elif self._probing.acquire(blocking=False):
            before = self._outages
            try:
                yield True
            finally:
                self._open = self._outages != before
                self._metric.set(self._open)
                self._probing.release()
        else:
            raise self._refusal


class DatabaseCircuit:
    """Only pings open and close it; a failed request triggers one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = False

    def close(self) -> None:
        self._open = False

    @contextmanager
    def request(self, *, seconds_waited: float = 0.0) -> Iterator[None]:
        """Limit the block's database time, less the seconds that the request waited for a thread.

        Raises ``DatabaseUnavailable`` while open and for outages.
        """
        if self._open:
            raise DatabaseUnavailable
        seconds = settings.REQUEST_DATABASE_SECONDS
        try:
            limit = max(seconds - seconds_waited, seconds * LEAST_SHARE)
            # Requests that waited for others meanwhile must not try a database that is known to be away.
            with limited_database_time(limit, is_refused=lambda: self._open):
                yield
        except Exception as error:
            if not is_database_outage(error):
                raise
            self.check_database()
            raise DatabaseUnavailable from error

    def check_database(self) -> None:
        """Open the circuit if the database does not answer a ping."""
        with self._lock:
            if self._open or primary_answers(PING_SECONDS):
                return
            self._open = True
            circuits.OPEN.labels("mongodb").set(1)
        logger.warning("database_circuit_opened")
        threading.Thread(target=self._ping_until_it_answers, name="database-ping", daemon=True).start()

    def _ping_until_it_answers(self) -> None:
        while self._open and not primary_answers(PING_SECONDS):
            time.sleep(PING_INTERVAL_SECONDS)
        self._open = False
        circuits.OPEN.labels("mongodb").set(0)
        logger.warning("database_circuit_closed")


def primary_answers(seconds: float) -> bool:
    try:
        with pymongo.timeout(seconds):
            reply = mongodb_connection().database.command("hello")
    except PyMongoError:
        return False
    return bool(reply.get("isWritablePrimary"))


circuit = DatabaseCircuit()
