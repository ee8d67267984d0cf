"""Models, defined beside their code."""

from shop.api.counters import RateWindow
from shop.api.idempotency import IdempotencyRecord
from shop.audit.staff_log import StaffAction
from shop.changes.models import Change, ChangeCounter, PendingChanges
from shop.jobs import Job, PeriodicTask
from shop.webhooks.models import WebhookDelivery, WebhookEndpoint

__all__ = [
    "Change",
    "ChangeCounter",
    "IdempotencyRecord",
    "Job",
    "PendingChanges",
    "PeriodicTask",
    "RateWindow",
    "StaffAction",
    "WebhookDelivery",
    "WebhookEndpoint",
]
