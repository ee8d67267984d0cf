"""A sale counts in full on the day of payment, whatever is refunded later."""

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, NamedTuple

from bson import ObjectId
from django.conf import settings
from django.db.models import Count, Sum

from orders.models import Order
from shop import days, money
from shop.db import documents
from shop.db.caches import TTLCache

LATEST_SALES = 5000


class DailySales(NamedTuple):
    day: date
    orders: int
    amount: Decimal


class BestSeller(NamedTuple):
    """``name`` and ``image`` are the latest; ``amount`` is after discounts."""

    product: ObjectId
    name: str
    image: str
    pieces: int
    amount: Decimal


# The sales of days that are over; those of today are always read.
_past_sales: TTLCache[dict[date, DailySales]] = TTLCache(seconds=300.0, maxsize=10)
_best_sellers: TTLCache[list[BestSeller]] = TTLCache(seconds=60.0, maxsize=10)


def sales_by_day(*, count: int) -> list[DailySales]:
    """Return the latest days, oldest first; covered by the index ``order_sales``."""
    calendar = days.latest(count)
    key = settings.CURRENCY, calendar[0], calendar[-1]
    past = _past_sales.get(key)
    if past is None:
        past = _sales(paid_on__gte=calendar[0], paid_on__lt=calendar[-1])
        _past_sales.set(key, past)
    found = past | _sales(paid_on=calendar[-1])
    return [found.get(day, DailySales(day, 0, money.ZERO)) for day in calendar]


def _sales(**wanted: date) -> dict[date, DailySales]:
    rows: Any = (
        Order.objects.filter(currency=settings.CURRENCY, **wanted)
        .order_by()
        .values("paid_on")
        .annotate(orders=Count("*"), amount=Sum("total"))
    )
    return {row["paid_on"]: DailySales(row["paid_on"], row["orders"], row["amount"]) for row in rows}


def best_sellers(*, count: int, limit: int) -> list[BestSeller]:
    """Read at most ``LATEST_SALES`` orders (about 25 ms), once a minute."""
    key = settings.CURRENCY, count, limit
    found = _best_sellers.get(key)
    if found is None:
        found = _read_best_sellers(count, limit)
        _best_sellers.set(key, found)
    return found


def _read_best_sellers(count: int, limit: int) -> list[BestSeller]:
    # MongoDB stores dates as datetimes.
    since = datetime.combine(days.latest(count)[0], time.min)
    pipeline = [
        {"$match": {"currency": settings.CURRENCY, "paid_on": {"$gte": since}, "counts_as_sale": True}},
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
