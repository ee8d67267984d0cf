from collections.abc import Iterator
from datetime import UTC

from django.utils import timezone
from prometheus_client import Histogram, Metric
from prometheus_client.core import GaugeMetricFamily

from payments.models import Payment, StripeEvent
from payments.transitions import FINAL
from shop.db import documents
from shop.metrics.readings import MOST_ROWS, reading

WEBHOOK_LAG = Histogram(
    "shop_webhook_lag_seconds",
    "Time from an event at Stripe to its first delivery.",
    buckets=(0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600),
)


@reading
def read_payments() -> Iterator[Metric]:
    """Read by the index "payment_status". Most payments are final, and not counted."""
    payments = GaugeMetricFamily(
        "shop_payments_open", f"Payments by status that are not final, at most {MOST_ROWS} each.", labels=["status"]
    )
    for status in documents.distinct(Payment, "status"):
        if status not in FINAL:
            payments.add_metric([status or "none"], _count(Payment, {"status": status}))
    yield payments


@reading
def read_events() -> Iterator[Metric]:
    """Read by the index "event_retry"."""
    now = timezone.now()
    events = GaugeMetricFamily("shop_stripe_events_open", "Stripe events to apply, by status.", labels=["status"])
    overdue = GaugeMetricFamily("shop_stripe_events_overdue_seconds", "Time since the oldest retry was due.")
    oldest = now
    for status in (StripeEvent.Status.RECEIVED, StripeEvent.Status.FAILED):
        events.add_metric([status], _count(StripeEvent, {"status": status}))
        waiting = {"$match": {"status": status, "retry_at": {"$lte": now}}}
        for row in documents.aggregate(StripeEvent, [waiting, {"$sort": {"retry_at": 1}}, {"$limit": 1}]):
            oldest = min(oldest, row["retry_at"].replace(tzinfo=UTC))
    overdue.add_metric([], (now - oldest).total_seconds())
    yield from (events, overdue)


def _count(model: type[Payment] | type[StripeEvent], match: documents.Document) -> int:
    counted = documents.aggregate(model, [{"$match": match}, {"$limit": MOST_ROWS}, {"$count": "number"}])
    return counted[0]["number"] if counted else 0
