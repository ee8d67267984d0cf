"""The prices of variants, for the lowest price of the 30 days before a reduction.

Source: article 6a of Directive 98/6/EC, https://eur-lex.europa.eu/eli/dir/1998/6
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from bson import ObjectId
from django.db import models
from django.utils import timezone

from catalog.sales import PricePlan, SalePriced
from shop.db import documents
from shop.db.money_fields import money_field
from shop.db.mongodb import TTLIndex
from shop.db.times import LATEST

PERIOD = timedelta(days=30)
KEPT = timedelta(days=400)


def _expiry() -> datetime:
    return timezone.now() + KEPT


class PriceRecord(models.Model):
    """A change of the price that buyers pay.

    Those of a scheduled sale are written when it is planned, so no worker has to be in time; a new plan replaces them.
    """

    variant = models.ForeignKey(
        "catalog.Variant", on_delete=models.CASCADE, related_name="price_records", db_index=False
    )
    at = models.DateTimeField()
    before = money_field()
    price = money_field()
    expires_at = models.DateTimeField(default=_expiry)

    class Meta:
        default_permissions = ()
        indexes = [
            models.Index(fields=["variant", "at"], name="price_record"),
            TTLIndex(fields=["expires_at"], name="price_record_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.variant_id} {self.price}"


def record_prices(variants: Iterable[SalePriced], *, now: datetime) -> dict[ObjectId, dict[str, Any]]:
    """Write what changed since the last call, in the change's transaction; return the variants' new fields."""
    changed = {
        variant.pk: (PricePlan.parse(variant.recorded_plan), variant)
        for variant in variants
        if PricePlan.parse(variant.recorded_plan) != variant.price_plan
    }
    if not changed:
        return {}
    PriceRecord.objects.filter(variant__in=changed, at__gt=now).delete()
    records = [
        record
        for pk, (former, variant) in changed.items()
        for record in _records(pk, former, variant.price_plan, now=now)
    ]
    documents.insert(*records)
    known: defaultdict[ObjectId, list[PriceRecord]] = defaultdict(list)
    for record in PriceRecord.objects.filter(variant__in=changed, at__gt=now - PERIOD).order_by("at", "pk"):
        known[record.variant_id].append(record)
    return {
        pk: {"recorded_plan": str(variant.price_plan), **_lowest(variant, former, known[pk], now=now)}
        for pk, (former, variant) in changed.items()
    }


def _records(pk: ObjectId, former: PricePlan | None, plan: PricePlan, *, now: datetime) -> Iterable[PriceRecord]:
    price = plan.at(now)
    if former is not None and former.at(now) != price:
        yield PriceRecord(variant_id=pk, at=now, before=former.at(now), price=price)
    for at in plan.changes_after(now):
        before, price = price, plan.at(at)
        yield PriceRecord(variant_id=pk, at=at, before=before, price=price, expires_at=min(at, LATEST) + KEPT)


def _lowest(
    variant: SalePriced, former: PricePlan | None, records: list[PriceRecord], *, now: datetime
) -> dict[str, Decimal | None]:
    """Return the lowest price before the price was lowered, and before the sale."""
    plan = variant.price_plan
    before_price, before_sale = variant.lowest_before_price, variant.lowest_before_sale
    if former is not None and plan.price < former.price:
        before_price = _lowest_before(now, records, constant=former.at(now))
    elif former is None or plan.price > former.price:
        before_price = None
    if plan.sale_price is None:
        before_sale = None
    elif not plan.is_sale(now) and plan.starts_at is not None and plan.starts_at > now:
        before_sale = _lowest_before(plan.starts_at, records, constant=plan.at(now))
    elif former is None:
        before_sale = None
    elif plan.at(now) < former.at(now):
        before_sale = _lowest_before(now, records, constant=former.at(now))
    # Else the reduction began earlier.
    return {"lowest_before_price": before_price, "lowest_before_sale": before_sale}


def _lowest_before(moment: datetime, records: list[PriceRecord], *, constant: Decimal) -> Decimal:
    """Return the lowest price during the ``PERIOD`` that ends at ``moment``: ``constant`` if nothing changed."""
    within = [record for record in records if moment - PERIOD < record.at <= moment]
    prices = [record.before for record in within]
    prices += [record.price for record in within if record.at < moment]
    return min(prices, default=constant)
