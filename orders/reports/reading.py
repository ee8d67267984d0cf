"""Reports read totals of days, never orders."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple

from bson import ObjectId
from django.conf import settings
from django.db import models
from django_countries import countries

from catalog.models import Product
from orders.reports.models import DailyTotal, Dimension
from shop import money
from shop.db import documents


class Grouping(models.TextChoices):
    DAY = "day", "Day"
    PRODUCT = "product", "Product"
    CATEGORY = "category", "Category"
    COUNTRY = "country", "Country"
    PROMOTION = "promotion", "Promotion"


_DIMENSIONS = {
    Grouping.DAY: Dimension.DAY,
    Grouping.PRODUCT: Dimension.PRODUCT,
    # By the products' present categories.
    Grouping.CATEGORY: Dimension.PRODUCT,
    Grouping.COUNTRY: Dimension.COUNTRY,
    Grouping.PROMOTION: Dimension.PROMOTION,
}
_SUMS = ("orders", "units", "sales", "tax", "discount", "refunds", "disputes")


class Row(NamedTuple):
    """``before`` is the sales of the previous period."""

    key: str
    label: str
    orders: int
    units: int
    sales: Decimal
    tax: Decimal
    discount: Decimal
    refunds: Decimal
    disputes: Decimal
    before: Decimal = money.ZERO

    @property
    def net(self) -> Decimal:
        return self.sales - self.refunds - self.disputes

    def plus(self, other: "Row") -> "Row":
        return self._replace(
            orders=self.orders + other.orders,
            units=self.units + other.units,
            sales=self.sales + other.sales,
            tax=self.tax + other.tax,
            discount=self.discount + other.discount,
            refunds=self.refunds + other.refunds,
            disputes=self.disputes + other.disputes,
        )


def previous(first: date, last: date) -> tuple[date, date]:
    """Return the period of the same length that ends before ``first``."""
    return first - (last - first) - timedelta(days=1), first - timedelta(days=1)


def report(grouping: Grouping, first: date, last: date) -> list[Row]:
    """Return rows by day, or the largest first. Days without orders have a row."""
    rows = {row.key: row for row in _read(grouping, first, last)}
    before = {row.key: row for row in _read(grouping, *previous(first, last))}
    if grouping == Grouping.DAY:
        length = last - first + timedelta(days=1)
        calendar = [first + timedelta(days=number) for number in range(length.days)]
        return [
            rows.get(str(day), _empty(str(day)))._replace(before=before[str(day - length)].sales)
            if str(day - length) in before
            else rows.get(str(day), _empty(str(day)))
            for day in calendar
        ]
    keys = [*rows, *(key for key in before if key not in rows)]
    compared = [
        rows.get(key, _empty(key, before[key].label if key in before else ""))._replace(
            before=before[key].sales if key in before else money.ZERO
        )
        for key in keys
    ]
    return sorted(compared, key=lambda row: (-row.sales, -row.before, row.label))


def total(first: date, last: date) -> Row:
    """Return the sums of the period, and the sales of the one before."""
    row, before = totals(first, last)
    return row._replace(before=before.sales)


def totals(first: date, last: date) -> tuple[Row, Row]:
    """Return the sums of the period and of the one before."""
    return _sum_up(_read(Grouping.DAY, first, last)), _sum_up(_read(Grouping.DAY, *previous(first, last)))


def change(now: Decimal | int, before: Decimal | int) -> str:
    """Return ``+12.5%``, or "" if there was nothing before."""
    return f"{Decimal(now - before) / abs(Decimal(before)) * 100:+.1f}%" if before else ""


def _sum_up(rows: Iterator[Row]) -> Row:
    found = _empty("")
    for row in rows:
        found = found.plus(row)
    return found


def _empty(key: str, label: str = "") -> Row:
    return Row(key, label or key, 0, 0, *[money.ZERO] * 5)


def _read(grouping: Grouping, first: date, last: date) -> Iterator[Row]:
    by_day = grouping == Grouping.DAY
    pipeline = [
        {
            "$match": {
                "dimension": _DIMENSIONS[grouping].value,
                "currency": settings.CURRENCY,
                "day": {"$gte": datetime.combine(first, time.min), "$lte": datetime.combine(last, time.min)},
            }
        },
        {"$sort": {"day": 1}},
        {
            "$group": {
                "_id": "$day" if by_day else "$key",
                "label": {"$last": "$label"},
                **{name: {"$sum": f"${name}"} for name in _SUMS},
            }
        },
    ]
    found = [
        Row(
            str(row["_id"].date()) if by_day else row["_id"],
            row["label"],
            row["orders"],
            row["units"],
            *(Decimal(str(row[name])) for name in _SUMS[2:]),
        )
        for row in documents.aggregate(DailyTotal, pipeline)
    ]
    if grouping == Grouping.CATEGORY:
        return _by_category(found)
    if grouping == Grouping.COUNTRY:
        return (row._replace(label=countries.name(row.key) or row.key or "Unknown") for row in found)
    return (row._replace(label=row.label or row.key or "Coupons of earlier releases") for row in found)


def _by_category(products: list[Row]) -> Iterator[Row]:
    ids = [ObjectId(row.key) for row in products]
    names = {
        row["_id"]: (str(row.get("category_id") or ""), row.get("category_name") or "No category")
        for row in documents.aggregate(
            Product, [{"$match": {"_id": {"$in": ids}}}, {"$project": {"category_id": 1, "category_name": 1}}]
        )
    }
    sums: defaultdict[tuple[str, str], Row] = defaultdict(lambda: _empty(""))
    for row in products:
        category = names.get(ObjectId(row.key), ("deleted", "Deleted products"))
        sums[category] = sums[category].plus(row)
    return (row._replace(key=key, label=label) for (key, label), row in sums.items())
