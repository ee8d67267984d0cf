"""Models, defined beside their code."""

from shop.api.counters import RateWindow
from shop.api.idempotency import IdempotencyRecord
from shop.audit.staff_log import StaffAction
from shop.jobs import Job, PeriodicTask

__all__ = ["IdempotencyRecord", "Job", "PeriodicTask", "RateWindow", "StaffAction"]
