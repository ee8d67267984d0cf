"""The calculation of a day's totals. It can be repeated, and reads the orders by an index of days."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from orders.models import STANDING_REFUNDS, Order
from orders.reports.models import ChangedDay, DailyTotal, Dimension
from shop import days, jobs, money
from shop.db import documents
from shop.db.transactions import transactional
from shop.jobs import Cursor, TimeLimit

PERIOD_SECONDS = 15
AT_ONCE = 1000
_SUCCEEDED = "succeeded"

_DIFFERENCES = {
    "$filter": {
        "input": {"$ifNull": ["$refunds", []]},
        "cond": {"$and": ["$$this.is_difference", {"$in": ["$$this.status", STANDING_REFUNDS]}]},
    }
}
# As in `orders.amounts.billed_total`.
BILLED = {
    "$subtract": [
        "$total",
        {
            "$add": [
                {"$ifNull": ["$amount_due", 0]},
                {"$ifNull": ["$adjustment", 0]},
                {"$sum": {"$map": {"input": _DIFFERENCES, "in": "$$this.amount"}}},
            ]
        },
    ]
}
# The part of the tax in what was billed.
_TAX = {
    "$cond": [
        {"$or": [{"$eq": ["$total", BILLED]}, {"$eq": ["$total", 0]}]},
        "$tax",
        {"$round": [{"$divide": [{"$multiply": ["$tax", BILLED]}, "$total"]}, 3]},
    ]
}


def mark_changed(*changed: date | None) -> None:
    """Let the totals of these days be calculated. Call it in the transaction of a payment or refund."""
    documents.insert(*(ChangedDay(day=day) for day in changed if day is not None))


def mark_all_days() -> None:
    """Let all totals be calculated, for orders that were written without."""
    paid = [{"$match": {"paid_on": {"$ne": None}}}, {"$group": {"_id": "$paid_on"}}]
    created = {"date": "$refunds.created_at", "unit": "day", "timezone": str(days.zone())}
    refunded = [
        {"$match": {"refunds.created_at": {"$exists": True}}},
        {"$unwind": "$refunds"},
        {"$group": {"_id": {"$dateTrunc": created}}},
    ]
    lost = [
        {"$match": {"disputes.lost_at": {"$exists": True}}},
        {"$unwind": "$disputes"},
        {"$match": {"disputes.lost_at": {"$type": "date"}}},
        {"$group": {"_id": {"$dateTrunc": {**created, "date": "$disputes.lost_at"}}}},
    ]
    found = {row["_id"].date() for row in documents.aggregate(Order, paid)}
    back = [row["_id"] for pipeline in (refunded, lost) for row in documents.aggregate(Order, pipeline)]
    mark_changed(*found, *(day_of(moment.replace(tzinfo=UTC)) for moment in back))


def day_of(moment: datetime) -> date:
    return moment.astimezone(days.zone()).date()


@jobs.every_in_slices(PERIOD_SECONDS, name="orders.calculate_totals")
def calculate_changed_days(cursor: Cursor) -> Cursor:
    limit = TimeLimit()
    while rows := list(ChangedDay.objects.order_by("pk")[:AT_ONCE]):
        for day in sorted({row.day for row in rows}, reverse=True):
            calculate(day=day, done=[row for row in rows if row.day == day])
            if limit.is_over:
                return True
    return None


@transactional("orders.calculate_totals")
def calculate(*, day: date, done: Iterable[ChangedDay] = ()) -> None:
    """Replace the totals of a day. Changes committed later have a row of their own."""
    documents.delete_many(DailyTotal, {"day": _stored(day)})
    documents.insert(*totals_of(day))
    documents.delete_many(ChangedDay, {"_id": {"$in": [row.pk for row in done]}})


def totals_of(day: date) -> list[DailyTotal]:
    """Return unsaved totals."""
    currencies = documents.distinct(Order, "currency")
    rows = [*_sales(day, currencies), *_refunds(day, currencies), *_lost_disputes(day, currencies)]
    found: dict[tuple[str, str, str], DailyTotal] = {}
    for row in rows:
        key = row.dimension, row.currency, row.key
        if key in found:
            found[key].refunds += row.refunds
            found[key].disputes += row.disputes
        else:
            found[key] = row
    return list(found.values())


def _sales(day: date, currencies: list[str]) -> Iterator[DailyTotal]:
    of_day = [{"$match": {"currency": {"$in": currencies}, "paid_on": _stored(day)}}]
    order = {"orders": {"$sum": 1}, "sales": {"$sum": BILLED}, "tax": {"$sum": _TAX}}
    order |= {"units": {"$sum": {"$sum": "$lines.quantity"}}, "discount": {"$sum": "$discount"}}
    line = {
        "orders": {"$sum": 1},
        "label": {"$last": "$lines.name"},
        "units": {"$sum": "$lines.quantity"},
        "sales": {"$sum": {"$subtract": ["$lines.line_total", {"$ifNull": ["$lines.discount", 0]}]}},
        "tax": {"$sum": {"$ifNull": ["$lines.tax", 0]}},
        "discount": {"$sum": {"$ifNull": ["$lines.discount", 0]}},
    }
    promotion = {
        **{"orders": {"$sum": 1}, "label": {"$last": "$discounts.label"}, "sales": {"$sum": BILLED}},
        "discount": {"$sum": {"$add": ["$discounts.amount", {"$ifNull": ["$discounts.shipping", 0]}]}},
    }
    by_key: dict[Dimension, tuple[list[dict[str, Any]], Any, dict[str, Any]]] = {
        Dimension.DAY: ([], "", order),
        Dimension.COUNTRY: ([], {"$ifNull": ["$shipping_address.country", ""]}, order),
        # A product once per order, although its variants are lines of their own.
        Dimension.PRODUCT: ([{"$unwind": "$lines"}, *_per_order(line)], "$_id.product", _sums(line)),
        Dimension.PROMOTION: ([{"$unwind": "$discounts"}], "$discounts.promotion", promotion),
    }
    for dimension, (stages, key, sums) in by_key.items():
        currency = "$_id.currency" if dimension == Dimension.PRODUCT else "$currency"
        group = {"$group": {"_id": {"currency": currency, "key": key}, **sums}}
        for row in documents.aggregate(Order, [*of_day, *stages, group]):
            yield DailyTotal(
                dimension=dimension,
                day=day,
                currency=row["_id"]["currency"],
                key=str(row["_id"]["key"] or ""),
                label=str(row.get("label") or "")[:200],
                orders=row["orders"],
                units=row.get("units", 0),
                sales=_amount(row["sales"]),
                tax=_amount(row.get("tax")),
                discount=_amount(row.get("discount")),
            )


def _per_order(line: dict[str, Any]) -> list[dict[str, Any]]:
    key = {"order": "$_id", "product": "$lines.product", "currency": "$currency"}
    return [{"$group": {"_id": key, **line}}]


def _sums(line: dict[str, Any]) -> dict[str, Any]:
    sums = {name: {"$sum": f"${name}"} for name in line if name not in ("orders", "label")}
    return {**sums, "orders": {"$sum": 1}, "label": {"$last": "$label"}}


def _refunds(day: date, currencies: list[str]) -> Iterator[DailyTotal]:
    # A difference is not in the sales.
    wanted = {"refunds.status": _SUCCEEDED, "refunds.is_difference": {"$ne": True}}
    return _taken_back(day, currencies, "refunds", "created_at", wanted)


def _lost_disputes(day: date, currencies: list[str]) -> Iterator[DailyTotal]:
    return _taken_back(day, currencies, "disputes", "lost_at", {})


def _taken_back(
    day: date, currencies: list[str], name: str, moment: str, wanted: documents.Document
) -> Iterator[DailyTotal]:
    """Yield the sums of refunds, or of disputes, by day and country."""
    on_day = {f"{name}.{moment}": {"$gte": days.beginning(day), "$lt": days.beginning(day + timedelta(days=1))}}
    pipeline = [
        {"$match": {"currency": {"$in": currencies}, **on_day}},
        {"$unwind": f"${name}"},
        {"$match": {**on_day, **wanted}},
        {
            "$group": {
                "_id": {"currency": "$currency", "country": {"$ifNull": ["$shipping_address.country", ""]}},
                "amount": {"$sum": f"${name}.amount"},
            }
        },
    ]
    for row in documents.aggregate(Order, pipeline):
        for dimension, key in ((Dimension.DAY, ""), (Dimension.COUNTRY, row["_id"]["country"])):
            yield DailyTotal(
                dimension=dimension,
                day=day,
                currency=row["_id"]["currency"],
                key=key,
                orders=0,
                sales=money.ZERO,
                **{name: _amount(row["amount"])},
            )


def _stored(day: date) -> datetime:
    # MongoDB stores dates as datetimes.
    return datetime.combine(day, time.min)


def _amount(value: Any) -> Decimal:
    return Decimal(str(value or 0))
