from collections.abc import Iterator
from datetime import date, datetime

from orders.models import Order
from orders.reports.models import ChangedDay, DailyTotal, Dimension
from orders.reports.totals import BILLED, totals_of
from shop import days
from shop.audit import invariant
from shop.db import documents

RECALCULATED_DAYS = 3


@invariant("the totals of each day are the sums of its paid orders")
def totals_follow_from_orders() -> Iterator[str]:
    queued = set(ChangedDay.objects.values_list("day", flat=True))
    of_orders = [
        {"$match": {"currency": {"$in": documents.distinct(Order, "currency")}, "paid_on": {"$type": "date"}}},
        {
            "$group": {
                "_id": {"currency": "$currency", "day": "$paid_on"},
                "orders": {"$sum": 1},
                "sales": {"$sum": BILLED},
            }
        },
    ]
    expected = {
        (row["_id"]["currency"], _day(row["_id"]["day"])): (row["orders"], row["sales"].to_decimal())
        for row in documents.aggregate(Order, of_orders)
    }
    kept = {
        (row.currency, row.day): (row.orders, row.sales)
        for row in DailyTotal.objects.filter(dimension=Dimension.DAY)
        if row.orders
    }
    for currency, day in sorted(expected.keys() | kept.keys()):
        if day not in queued and expected.get((currency, day)) != kept.get((currency, day)):
            yield f"{day} has orders {expected.get((currency, day))}, but its totals {kept.get((currency, day))}"


@invariant("the totals of the latest days are those of another calculation")
def latest_totals_are_exact() -> Iterator[str]:
    queued = set(ChangedDay.objects.values_list("day", flat=True))
    for day in days.latest(RECALCULATED_DAYS):
        if day not in queued:
            kept = {_values(row) for row in DailyTotal.objects.filter(day=day)}
            for row in sorted(kept ^ {_values(row) for row in totals_of(day)}, key=str):
                yield f"{day} has a total that differs: {row}"


def _values(row: DailyTotal) -> tuple[object, ...]:
    return (
        *(row.dimension, row.currency, row.key, row.orders, row.units),
        *(row.sales, row.tax, row.discount, row.refunds, row.disputes),
    )


def _day(stored: datetime) -> date:
    return stored.date()
