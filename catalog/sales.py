"""Scheduled sale prices: whoever reads a price asks for it at a moment, so it changes exactly at its time."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import models
from django.utils import timezone

from shop.db import documents


class PricePlan(NamedTuple):
    """A variant's price, and from ``starts_at`` until ``ends_at`` (exclusive; None: always) the sale price."""

    price: Decimal
    sale_price: Decimal | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    @property
    def is_valid(self) -> bool:
        """Return whether the sale, if any, lowers the price at some time."""
        return self.has_duration and (self.sale_price is None or self.sale_price < self.price)

    @property
    def has_duration(self) -> bool:
        return self.starts_at is None or self.ends_at is None or self.starts_at < self.ends_at

    def is_new_fault(self, recorded: str, *, moment: datetime) -> bool:
        """Return False also for a plan that was recorded before, as by a bulk change of prices, and an ended sale."""
        if self.is_valid or (self.has_duration and self.has_ended(moment)):
            return False
        return PricePlan.parse(recorded) != self

    def has_ended(self, moment: datetime) -> bool:
        return self.sale_price is not None and self.ends_at is not None and self.ends_at <= moment

    def is_sale(self, moment: datetime) -> bool:
        if self.sale_price is None or self.sale_price >= self.price:
            return False
        has_begun = self.starts_at is None or self.starts_at <= moment
        return has_begun and (self.ends_at is None or moment < self.ends_at)

    def at(self, moment: datetime) -> Decimal:
        return self.sale_price if self.sale_price is not None and self.is_sale(moment) else self.price

    def changes_after(self, moment: datetime) -> list[datetime]:
        """Return when the price changes, in order."""
        times = sorted(time for time in (self.starts_at, self.ends_at) if time is not None and time > moment)
        prices = [self.at(moment), *map(self.at, times)]
        return [time for time, before, after in zip(times, prices, prices[1:], strict=False) if before != after]

    def __str__(self) -> str:
        """Return a text for :meth:`parse`."""
        return "|".join("" if part is None else _text(part) for part in self)

    @classmethod
    def parse(cls, text: str) -> "PricePlan | None":
        if not text:
            return None
        price, sale_price, *times = text.split("|")
        starts_at, ends_at = (datetime.fromisoformat(time) if time else None for time in times)
        return cls(Decimal(price), Decimal(sale_price) if sale_price else None, starts_at, ends_at)

    @classmethod
    def of_document(cls, variant: Mapping[str, Any]) -> "PricePlan":
        """Read a document of :class:`~catalog.models.Variant`, also of an older release."""
        price, sale_price = documents.decimal_of(variant["price"]), variant.get("sale_price")
        if sale_price is None:
            return cls(price)
        # The driver's datetimes are naive UTC.
        starts_at, ends_at = (
            time and time.replace(tzinfo=UTC) for time in (variant.get("sale_starts_at"), variant.get("sale_ends_at"))
        )
        return cls(price, documents.decimal_of(sale_price), starts_at, ends_at)


class Prices(NamedTuple):
    """Prices of a product's variants at a moment; ``regular`` is the cheapest one's own price while it is on sale."""

    lowest: Decimal
    highest: Decimal
    regular: Decimal | None
    # Its place among the variants.
    cheapest: int


def prices_at(moment: datetime, plans: Sequence[PricePlan]) -> Prices | None:
    """Return None without variants."""
    if not plans:
        return None
    prices = [plan.at(moment) for plan in plans]
    cheapest = min(range(len(plans)), key=prices.__getitem__)
    regular = plans[cheapest].price if plans[cheapest].is_sale(moment) else None
    return Prices(prices[cheapest], max(prices), regular, cheapest)


class RecordedPlanField(models.CharField):
    """The plan that `catalog.price_history` knows. A new variant without a sale has nothing to record."""

    def pre_save(self, model_instance: Any, add: bool) -> str:
        if add and not getattr(model_instance, self.attname) and model_instance.sale_price is None:
            # Instances may have texts.
            price = model_instance._meta.get_field("price").to_python(model_instance.price)
            setattr(model_instance, self.attname, str(PricePlan(price)))
        return str(super().pre_save(model_instance, add))


class SalePriced:
    """Prices of a variant at the current time."""

    pk: Any
    price: Any
    sale_price: Any
    sale_starts_at: Any
    sale_ends_at: Any
    recorded_plan: Any
    lowest_before_price: Any
    lowest_before_sale: Any

    @property
    def price_plan(self) -> PricePlan:
        return PricePlan(self.price, self.sale_price, self.sale_starts_at, self.sale_ends_at)

    @property
    def current_price(self) -> Decimal:
        return self.price_plan.at(timezone.now())

    @property
    def current_compare_at_price(self) -> Decimal | None:
        return self.price if self.price_plan.is_sale(timezone.now()) else None

    @property
    def lowest_price_30_days(self) -> Decimal | None:
        is_sale = self.price_plan.is_sale(timezone.now())
        return self.lowest_before_sale if is_sale else self.lowest_before_price


def truncated(time: datetime) -> datetime:
    """Return the time as MongoDB stores it, in milliseconds."""
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def _text(part: Decimal | datetime) -> str:
    # MongoDB keeps milliseconds.
    return part.isoformat(timespec="milliseconds") if isinstance(part, datetime) else f"{part:f}"
