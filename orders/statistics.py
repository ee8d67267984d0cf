"""What the dashboard tells of orders. Each question is one aggregation that an index bounds.

A sale counts on the day on which its money came in (``paid_on``), with the whole total of its order, in the shop's
currency. Neither a later refund nor a dispute changes that day: refunds have days of their own, see
`payments.statistics`.
"""

from datetime import date, datetime, time
from decimal import Decimal
from typing import NamedTuple

from bson import ObjectId
from django.conf import settings
from django.db.models import Count, Sum

from orders.models import Order
from shop import days, documents, money

# Best sellers are found among so many of the latest sales, however many there were.
LATEST_SALES = 5000


class DayOfSales(NamedTuple):
    day: date
    orders: int
    amount: Decimal


class BestSeller(NamedTuple):
    """A product, called and pictured as when it was last bought; ``amount`` is what its lines brought."""

    product: ObjectId
    name: str
    image: str
    pieces: int
    amount: Decimal


def sales_by_day(*, count: int) -> list[DayOfSales]:
    """Return the sales of the latest so many days, the oldest first, days without any included.

    The index ``order_sales`` holds all that is asked for, so no order is read.
    """
    calendar = days.latest(count)
    rows = (
        Order.objects.filter(currency=settings.CURRENCY, paid_on__gte=calendar[0])
        .order_by()
        .values("paid_on")
        .annotate(orders=Count("*"), amount=Sum("total"))
    )
    found = {row["paid_on"]: DayOfSales(row["paid_on"], row["orders"], row["amount"]) for row in rows}
    return [found.get(day, DayOfSales(day, 0, money.ZERO)) for day in calendar]


def best_sellers(*, count: int, limit: int) -> list[BestSeller]:
    """Return the products of which most pieces were sold in the latest so many days, the best first.

    Orders that were cancelled or refunded in full since do not count.

    Of more than ``LATEST_SALES`` orders only the latest are looked at: about 25 ms, however many there are.
    """
    # As the database keeps dates.
    since = datetime.combine(days.latest(count)[0], time.min)
    pipeline = [
        {"$match": {"currency": settings.CURRENCY, "paid_on": {"$gte": since}, "counts_as_sale": True}},
        # The fields of the index, which is walked backwards: nothing is sorted.
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
