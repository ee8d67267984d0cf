"""How many products a filter lets through.

Counting passes every product, so a large count costs more than all the rest of a list; but one more or less does not
change what shoppers make of "1,204 products". So a count from ``REMEMBERED_FROM`` is remembered for a second by each
server process. Smaller ones, where every product is noticed, are counted each time; and products themselves are never
remembered.
"""

import threading
import time
from typing import Any

import bson

from catalog.models import Product
from shop.documents import Pipeline

REMEMBERED_FROM = 1_000
SECONDS = 1.0
# Filters whose counts are remembered at once; of more, the others are counted each time.
_MOST = 1_000

_remembered: dict[bytes, tuple[float, int]] = {}
_lock = threading.Lock()


def stages(match: dict[str, Any], *, at_most: int) -> Pipeline:
    """Return stages that add a row ``{"counted": n}`` behind a pipeline's own; none where nothing matches."""
    count = [{"$match": match}, {"$limit": at_most}, {"$count": "counted"}]
    return [{"$unionWith": {"coll": Product._meta.db_table, "pipeline": count}}]


def recall(match: dict[str, Any]) -> int | None:
    """Return how many products match, where that was counted within the last second."""
    until, counted = _remembered.get(bson.encode(match), (0.0, 0))
    return counted if time.monotonic() < until else None


def remember(match: dict[str, Any], counted: int) -> None:
    """Keep a large count for a second."""
    if counted < REMEMBERED_FROM:
        return
    now = time.monotonic()
    with _lock:
        if len(_remembered) >= _MOST:
            for key in [key for key, (until, _) in _remembered.items() if until <= now]:
                del _remembered[key]
        if len(_remembered) < _MOST:
            _remembered[bson.encode(match)] = now + SECONDS, counted
