"""Metrics that are read from the database when Prometheus asks, the same in every process."""

import threading
import time
from collections.abc import Callable, Iterable

import pymongo
import structlog
from django.conf import settings
from django.db import DatabaseError
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from pymongo.errors import PyMongoError

from shop.logs import describe_error

logger = structlog.get_logger(__name__)

# Most rows that a reading counts, so that its time is limited, too.
MOST_ROWS = 10_000
READ_SECONDS = 5.0

Reading = Callable[[], Iterable[Metric]]

_readings: list[Reading] = []


def reading(function: Reading) -> Reading:
    """Register a function that reads few rows, by an index."""
    _readings.append(function)
    return function


class DatabaseReadings(Collector):
    """Reads at most every METRICS_READ_SECONDS; without an answer of the database only ``shop_database_readable``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._metrics: list[Metric] = []

    def describe(self) -> Iterable[Metric]:
        # Registering must not read.
        return []

    def collect(self) -> Iterable[Metric]:
        with self._lock:
            if time.monotonic() - self._read_at >= settings.METRICS_READ_SECONDS:
                self._metrics = self._read()
                self._read_at = time.monotonic()
            return self._metrics

    def _read(self) -> list[Metric]:
        readable = GaugeMetricFamily("shop_database_readable", "1 if the latest readings of the database succeeded.")
        metrics: list[Metric] = []
        try:
            with pymongo.timeout(READ_SECONDS):
                metrics = [metric for function in _readings for metric in function()]
            readable.add_metric([], 1)
        except (DatabaseError, PyMongoError) as error:
            logger.warning("metrics_not_read", error=describe_error(error))
            readable.add_metric([], 0)
        return [readable, *metrics]


registry = CollectorRegistry()
registry.register(DatabaseReadings())
