"""The tables every room uses live beside the code that owns them."""

from shop.idempotency import IdempotencyRecord
from shop.jobs import Job, PeriodicTask
from shop.rate_limits import RateWindow

__all__ = ["IdempotencyRecord", "Job", "PeriodicTask", "RateWindow"]
