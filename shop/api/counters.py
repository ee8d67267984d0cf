"""Counters shared by all processes, in Redis or MongoDB.

During a Redis outage MongoDB counts from zero, which at most doubles a limit.
"""

import time
from typing import NamedTuple

import structlog
from django.conf import settings
from django.db import models
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from shop.db import documents
from shop.db.mongodb import TTLIndex
from shop.logs import describe_error

logger = structlog.get_logger(__name__)

# After an error Redis is not called for some time, so that not every request waits for it.
REDIS_PAUSE_SECONDS = 5.0


class RateWindow(models.Model):
    """``_id`` is a digest of the key."""

    id = models.CharField(max_length=64, primary_key=True, db_column="_id")
    count = models.PositiveIntegerField()
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [TTLIndex(fields=["expires_at"], name="rate_window_expiry")]

    def __str__(self) -> str:
        return self.id


class Count(NamedTuple):
    """``uses`` includes the use just counted."""

    uses: int
    seconds_left: float


def count(key: str, *, seconds: int, uses: int = 1) -> Count:
    if _redis_is_used():
        # Importing redis takes a tenth of a second.
        from shop.api import redis_counters

        try:
            return Count(*redis_counters.count(key, seconds=seconds, uses=uses))
        except redis_counters.RedisError as error:
            _pause_redis(error)
    return _count_in_mongodb(key, seconds, uses)


def undo(key: str, *, seconds: int) -> None:
    """Can be lost during a Redis outage."""
    if _redis_is_used():
        from shop.api import redis_counters

        try:
            redis_counters.count(key, seconds=seconds, uses=-1)
        except redis_counters.RedisError as error:
            _pause_redis(error)
    else:
        windows, _ = documents.collection_of(RateWindow, may_be_lost=True)
        windows.update_one(
            {"_id": key, "count": {"$gt": 0}, "$expr": {"$gt": ["$expires_at", "$$NOW"]}}, {"$inc": {"count": -1}}
        )


# --- Redis ------------------------------------------------------------------------------------------------------------

_redis_paused_until = 0.0


def _redis_is_used() -> bool:
    is_configured = settings.CACHE_URL.startswith(("redis://", "rediss://"))
    return is_configured and time.monotonic() >= _redis_paused_until


def _pause_redis(error: Exception) -> None:
    global _redis_paused_until
    _redis_paused_until = time.monotonic() + REDIS_PAUSE_SECONDS
    logger.warning("redis_unavailable", error=describe_error(error))


# --- MongoDB ----------------------------------------------------------------------------------------------------------


def _count_in_mongodb(key: str, seconds: int, uses: int) -> Count:
    windows, _ = documents.collection_of(RateWindow, may_be_lost=True)
    # The server's clock is shared, and the TTL index deletes late.
    is_open = {"$gt": ["$expires_at", "$$NOW"]}
    step = {
        "count": {"$cond": [is_open, {"$add": ["$count", uses]}, uses]},
        "expires_at": {"$cond": [is_open, "$expires_at", {"$add": ["$$NOW", seconds * 1000]}]},
    }
    while True:
        try:
            row = windows.find_one_and_update(
                {"_id": key},
                [{"$set": step}],
                projection={"count": 1, "left": {"$subtract": ["$expires_at", "$$NOW"]}},
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        except DuplicateKeyError:
            # Opened concurrently.
            continue
        return Count(row["count"], row["left"] / 1000)
