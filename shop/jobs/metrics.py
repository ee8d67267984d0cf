from collections.abc import Iterator
from datetime import UTC, datetime

from django.utils import timezone
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from shop.db import documents
from shop.jobs import Job
from shop.metrics.readings import MOST_ROWS, reading


@reading
def read_jobs() -> Iterator[Metric]:
    """Read by the index "job_turn"."""
    now = timezone.now()
    due = GaugeMetricFamily("shop_jobs_due", f"Due jobs by kind, of the {MOST_ROWS} oldest.", labels=["kind"])
    oldest = GaugeMetricFamily("shop_jobs_oldest_due_seconds", "Time since a job was due, by kind.", labels=["kind"])
    failed = GaugeMetricFamily("shop_jobs_given_up", "Jobs that failed for good, by kind.", labels=["kind"])
    numbers: dict[str, int] = {}
    since: dict[str, datetime] = {}
    for urgent in (True, {"$in": [False, None]}):
        match = {"given_up_at": None, "urgent": urgent, "run_at": {"$lte": now}}
        for row in documents.aggregate(Job, [{"$match": match}, {"$sort": {"run_at": 1}}, *_GROUPED]):
            kind = row["_id"]
            numbers[kind] = numbers.get(kind, 0) + row["number"]
            since[kind] = min(since.get(kind, now), row["oldest"].replace(tzinfo=UTC))
    for kind, number in numbers.items():
        due.add_metric([kind], number)
        oldest.add_metric([kind], (now - since[kind]).total_seconds())
    # Null sorts before all times.
    for row in documents.aggregate(Job, [{"$match": {"given_up_at": {"$gt": _BEFORE_ALL}}}, *_GROUPED]):
        failed.add_metric([row["_id"]], row["number"])
    yield from (due, oldest, failed)


_BEFORE_ALL = datetime(2000, 1, 1, tzinfo=UTC)
_GROUPED: list[documents.Document] = [
    {"$limit": MOST_ROWS},
    {"$group": {"_id": "$kind", "number": {"$sum": 1}, "oldest": {"$min": "$run_at"}}},
]
