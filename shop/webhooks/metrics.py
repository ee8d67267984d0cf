from collections.abc import Iterator
from datetime import UTC

from django.utils import timezone
from prometheus_client import Counter, Metric
from prometheus_client.core import GaugeMetricFamily

from shop.changes.models import PendingChanges
from shop.db import documents
from shop.metrics.readings import MOST_ROWS, reading
from shop.webhooks.models import WebhookDelivery, WebhookEndpoint

ATTEMPTS = Counter(
    "shop_webhook_attempts", "Attempts to send webhooks by outcome: accepted, refused, unanswered.", ["outcome"]
)


@reading
def read_webhooks() -> Iterator[Metric]:
    """Read by the indexes "delivery_status" and "pending_changes_order"."""
    waiting = GaugeMetricFamily(
        "shop_webhook_deliveries", f"Deliveries by status, of {MOST_ROWS} each.", labels=["status"]
    )
    for status in WebhookDelivery.OPEN:
        match = [{"$match": {"status": status.value}}, {"$limit": MOST_ROWS}, {"$count": "number"}]
        rows = documents.aggregate(WebhookDelivery, match)
        waiting.add_metric([status.value], rows[0]["number"] if rows else 0)
    disabled = GaugeMetricFamily("shop_webhook_endpoints_disabled", "Endpoints that were disabled after failures.")
    disabled.add_metric([], WebhookEndpoint.objects.filter(enabled=False).exclude(disabled_reason="").count())
    oldest = GaugeMetricFamily(
        "shop_changes_oldest_unnumbered_seconds", "Time since the oldest change without a position."
    )
    first = documents.aggregate(PendingChanges, [{"$sort": {"recorded": 1}}, {"$limit": 1}, {"$project": {"at": 1}}])
    age = (timezone.now() - first[0]["at"].replace(tzinfo=UTC)).total_seconds() if first else 0.0
    oldest.add_metric([], age)
    yield from (waiting, disabled, oldest)
