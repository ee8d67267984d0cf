"""Sums of old stock movements: one row per variant, reason and month in UTC.

Months begin and end by ``_id``, which needs no further index. A row that is alone in its month stays as it is.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from bson import ObjectId
from django.conf import settings
from pymongo import UpdateOne

from catalog.models import StockMovement
from shop import jobs
from shop.db import documents
from shop.db.transactions import transactional

ROWS_PER_TRANSACTION = 500
# Per search for rows that are not summed up.
MAX_GROUPS = 5_000


@jobs.every_in_slices(24 * 3600, name="catalog.sum_movements")
def sum_old_movements(cursor: jobs.Cursor) -> jobs.Cursor:
    """Sum up the months before the latest ``STOCK_MOVEMENT_MONTHS``, oldest first. The cursor is a month."""
    if not settings.STOCK_MOVEMENT_MONTHS:
        return None
    limit, kept_from = jobs.TimeLimit(), _first_kept_month()
    month = date.fromisoformat(cursor) if cursor else _oldest_month()
    while month is not None and month < kept_from:
        batches = list(_batches(_unsummed(month)))
        for keys in limit.limit(batches):
            _sum_up(keys, month=month)
        if not batches:
            month = _next(month)
        if limit.is_over:
            return month.isoformat()
    return None


def summed_variants(variants: Iterable[ObjectId], *, month: date) -> set[ObjectId]:
    """Return those of which movements of several orders of the month are summed up."""
    match = {
        "variant_id": {"$in": list(variants)},
        "_id": _ids_of(month),
        "reason": {"$in": StockMovement.ORDER_REASONS},
        "reference": "",
    }
    return {row["variant_id"] for row in documents.aggregate(StockMovement, [{"$match": match}])}


def month_of(moment: datetime) -> date:
    return moment.astimezone(UTC).date().replace(day=1)


def _first_kept_month() -> date:
    this = month_of(datetime.now(UTC))
    year, month = divmod(this.year * 12 + this.month - 1 - settings.STOCK_MOVEMENT_MONTHS, 12)
    return date(year, month + 1, 1)


def _oldest_month() -> date | None:
    oldest = StockMovement.objects.order_by("pk").values_list("pk", flat=True).first()
    return None if oldest is None else month_of(oldest.generation_time)


def _next(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


def _ids_of(month: date) -> dict[str, ObjectId]:
    begins, ends = (datetime.combine(day, time.min, tzinfo=UTC) for day in (month, _next(month)))
    return {"$gte": ObjectId.from_datetime(begins), "$lt": ObjectId.from_datetime(ends)}


def _unsummed(month: date) -> list[list[ObjectId]]:
    """Return the rows of each variant and reason with several, at most a transaction's."""
    pipeline: documents.Pipeline = [
        {"$match": {"_id": _ids_of(month)}},
        {
            "$group": {
                "_id": _GROUP,
                "rows": {"$sum": 1},
                "keys": {"$firstN": {"input": "$_id", "n": ROWS_PER_TRANSACTION}},
            }
        },
        {"$match": {"rows": {"$gt": 1}}},
        {"$limit": MAX_GROUPS},
    ]
    return [group["keys"] for group in documents.aggregate(StockMovement, pipeline)]


def _batches(groups: list[list[ObjectId]]) -> Iterator[list[ObjectId]]:
    batch: list[ObjectId] = []
    for keys in groups:
        if batch and len(batch) + len(keys) > ROWS_PER_TRANSACTION:
            yield batch
            batch = []
        batch = batch + keys
    if batch:
        yield batch


@transactional("catalog.sum_movements")
def _sum_up(keys: list[ObjectId], *, month: date) -> None:
    """Turn the latest row of each variant and reason into the sum, which keeps its place in lists."""
    pipeline: documents.Pipeline = [
        {"$match": {"_id": {"$in": keys}}},
        {"$group": {"_id": _GROUP, "latest": {"$max": "$_id"}, "delta": {"$sum": "$delta"}}},
    ]
    sums = {row["latest"]: row["delta"] for row in documents.aggregate(StockMovement, pipeline)}
    same = {"note": f"Sum of {month:%B %Y}", "reference": ""}
    documents.bulk_write(
        StockMovement, [UpdateOne({"_id": key}, {"$set": {"delta": delta, **same}}) for key, delta in sums.items()]
    )
    documents.delete_many(StockMovement, {"_id": {"$in": [key for key in keys if key not in sums]}})


_GROUP: dict[str, Any] = {"variant": "$variant_id", "reason": "$reason"}
