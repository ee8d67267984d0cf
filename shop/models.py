"""The tables every room uses: jobs, periodic tasks and idempotency records live beside the code that owns them."""

from shop.idempotency import IdempotencyRecord
from shop.jobs import Job, PeriodicTask

__all__ = ["IdempotencyRecord", "Job", "PeriodicTask"]
