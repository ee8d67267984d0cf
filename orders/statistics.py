from datetime import date, datetime, time
from decimal import Decimal
from typing import NamedTuple

from bson import ObjectId
from django.conf import settings

from orders.models import Order
from shop.db import documents
from shop.db.caches import TTLCache

LATEST_SALES = 5000


class BestSeller(NamedTuple):
    """``name`` and ``image`` are the latest; ``amount`` is after discounts."""

    product: ObjectId
    name: str
    image: str
    pieces: int
    amount: Decimal


_best_sellers: TTLCache[list[BestSeller]] = TTLCache(seconds=60.0, maxsize=50)


def best_sellers(*, first: date, last: date, limit: int) -> list[BestSeller]:
    """Return those of a period, by at most its latest ``LATEST_SALES`` orders (about 25 ms), once a minute."""
    key = settings.CURRENCY, first, last, limit
    found = _best_sellers.get(key)
    if found is None:
        found = _read_best_sellers(first, last, limit)
        _best_sellers.set(key, found)
    return found


def _read_best_sellers(first: date, last: date, limit: int) -> list[BestSeller]:
    # MongoDB stores dates as datetimes.
    period = {"$gte": datetime.combine(first, time.min), "$lte": datetime.combine(last, time.min)}
    pipeline = [
        {"$match": {"currency": settings.CURRENCY, "paid_on": period, "counts_as_sale": True}},
        # The reversed index, so that MongoDB does not sort.
        {"$sort": {"currency": -1, "paid_on": -1, "paid_at": -1}},
        {"$limit": LATEST_SALES},
        {"$project": {"lines": 1}},
        {"$unwind": "$lines"},
        {
            "$group": {
                "_id": "$lines.product",
                "name": {"$first": "$lines.name"},
                "image": {"$first": "$lines.image"},
                "pieces": {"$sum": "$lines.quantity"},
                "amount": {"$sum": {"$subtract": ["$lines.line_total", "$lines.discount"]}},
            }
        },
        {"$sort": {"pieces": -1, "amount": -1, "_id": 1}},
        {"$limit": limit},
    ]
    rows = documents.aggregate(Order, pipeline)
    return [
        BestSeller(row["_id"], row["name"], row["image"], row["pieces"], row["amount"].to_decimal()) for row in rows
    ]
