"""Models of the kernel, defined next to the code that uses them."""

from shop.counters import RateWindow
from shop.idempotency import IdempotencyRecord
from shop.jobs import Job, PeriodicTask
from shop.staff_log import StaffAction

__all__ = ["IdempotencyRecord", "Job", "PeriodicTask", "RateWindow", "StaffAction"]
