"""How many products a filter lets through.

Counting passes every product, so a large count costs more than all the rest of a list; but one more or less does not
change what shoppers make of "1,204 products". So a count from ``REMEMBERED_FROM`` is remembered for a second by each
server process, and that there are more than are ever counted for a minute. Smaller ones, where every product is
noticed, are counted each time; and products themselves are never remembered.
"""

from typing import Any

import bson

from catalog.models import Product
from shop.documents import Pipeline
from shop.remembered import Remembered

REMEMBERED_FROM = 1_000
SECONDS, SECONDS_WHERE_UNCOUNTED = 1.0, 60.0

_remembered: Remembered[int] = Remembered(seconds=SECONDS, most=1_000)


def stages(match: dict[str, Any], *, at_most: int) -> Pipeline:
    """Return stages that add a row ``{"counted": n}`` behind a pipeline's own; none where nothing matches."""
    count = [{"$match": match}, {"$limit": at_most}, {"$count": "counted"}]
    return [{"$unionWith": {"coll": Product._meta.db_table, "pipeline": count}}]


def recall(match: dict[str, Any]) -> int | None:
    """Return how many products match, where that was counted within the last second."""
    return _remembered.recall(bson.encode(match))


def remember(match: dict[str, Any], counted: int, *, at_most: int) -> None:
    """Keep a large count for a moment."""
    if counted >= REMEMBERED_FROM:
        seconds = SECONDS if counted < at_most else SECONDS_WHERE_UNCOUNTED
        _remembered.remember(bson.encode(match), counted, seconds=seconds)
