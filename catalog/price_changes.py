from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import ROUND_CEILING, Decimal
from typing import NamedTuple

from bson import ObjectId
from django.conf import settings
from django.db import models

from catalog import services
from catalog.errors import PriceOutOfRange, TooManyPrices
from catalog.models import Product, Variant
from shop import money
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.db import documents
from shop.db.transactions import transactional

# Per transaction, to keep it short.
_PRODUCTS_AT_ONCE = 50


class Kind(models.TextChoices):
    LOWER_PERCENT = "lower_percent", "Lower by a percentage"
    RAISE_PERCENT = "raise_percent", "Raise by a percentage"
    LOWER_AMOUNT = "lower_amount", "Lower by an amount"
    RAISE_AMOUNT = "raise_amount", "Raise by an amount"


class Rounding(models.TextChoices):
    STEP = "step"
    FIVE = "five"
    TEN = "ten"
    HUNDRED = "hundred"
    NINES = "nines"

    @property
    def unit(self) -> Decimal:
        """``NINES`` rounds to one step below a multiple."""
        steps = {Rounding.STEP: 1, Rounding.FIVE: 5, Rounding.TEN: 10}
        return money.smallest_step(settings.CURRENCY) * steps.get(self, 100)

    @property
    def words(self) -> str:
        if self == Rounding.NINES:
            return f"up to the next price ending in {money.display(self.unit - money.smallest_step(settings.CURRENCY))}"
        return "no rounding" if self == Rounding.STEP else f"to a multiple of {money.display(self.unit)}"

    def apply(self, price: Decimal) -> Decimal:
        if self == Rounding.NINES and price > 0:
            whole = (price / self.unit).to_integral_value(ROUND_CEILING) * self.unit
            return money.quantize(whole - money.smallest_step(settings.CURRENCY))
        return money.round_to_multiple(price, self.unit)


class CompareAtPriceRule(models.TextChoices):
    KEEP = "keep", "Keep if above the new price"
    SHOW = "show", "Set to the current price if the new price is lower"
    REMOVE = "remove", "Remove"


class Rule(NamedTuple):
    """A change by ``by`` percent, or by that amount."""

    kind: Kind
    by: Decimal
    rounding: Rounding

    def __str__(self) -> str:
        change = Kind(self.kind).label.removesuffix(" a percentage").removesuffix(" an amount")
        unit = "%" if self.kind in (Kind.LOWER_PERCENT, Kind.RAISE_PERCENT) else f" {settings.CURRENCY.upper()}"
        rounding = self.rounding.words if self.rounding == Rounding.STEP else f"rounded {self.rounding.words}"
        return f"{change} {self.by.normalize():f}{unit}, {rounding}"

    def apply(self, price: Decimal) -> Decimal:
        by = price * self.by / 100 if self.kind in (Kind.LOWER_PERCENT, Kind.RAISE_PERCENT) else self.by
        return self.rounding.apply(price + (by if self.kind in (Kind.RAISE_PERCENT, Kind.RAISE_AMOUNT) else -by))


class PriceChange(NamedTuple):
    product: ObjectId
    variant: ObjectId
    old: Decimal
    new: Decimal


def plan(*, products: Sequence[ObjectId], rule: Rule, at_most: int) -> list[PriceChange]:
    """Return changes in the order of ``products``. Raises :class:`PriceOutOfRange`, :class:`TooManyPrices`."""
    place = {pk: number for number, pk in enumerate(products)}
    rows = list(Variant.objects.filter(product__in=products).order_by()[: at_most + 1])
    if len(rows) > at_most:
        raise TooManyPrices(f"These products have more than {at_most:,} variants. Choose fewer products.")
    rows.sort(key=lambda row: (place[row.product_id], row.position, row.pk))
    changes = [PriceChange(row.product_id, row.pk, row.price, rule.apply(row.price)) for row in rows]
    for row, change in zip(rows, changes, strict=True):
        if not 0 <= change.new <= settings.MAX_PRICE:
            new, old = money.display(change.new), money.display(change.old)
            raise PriceOutOfRange(f"{row.sku} would cost {new} instead of {old}.", attr="by")
    return [change for change in changes if change.new != change.old]


def apply(changes: Iterable[PriceChange], *, compare_at: CompareAtPriceRule) -> list[PriceChange]:
    """Return the written changes; prices changed since the plan are skipped."""
    by_product = defaultdict(list)
    for change in changes:
        by_product[change.product].append(change)
    groups = list(by_product.values())
    done: list[PriceChange] = []
    for start in range(0, len(groups), _PRODUCTS_AT_ONCE):
        chunk = [change for group in groups[start : start + _PRODUCTS_AT_ONCE] for change in group]
        done += _apply(chunk, compare_at=compare_at)
    return done


@transactional("catalog.change_prices")
def _apply(changes: list[PriceChange], *, compare_at: CompareAtPriceRule) -> list[PriceChange]:
    current = Variant.objects.in_bulk([each.variant for each in changes])
    due = [each for each in changes if each.variant in current and current[each.variant].price == each.old]
    if not due:
        return []
    products = sorted({each.product for each in due})
    before = dict(Product.objects.filter(pk__in=products).values_list("pk", "price"))
    documents.update_rows(Variant, {each.variant: {"price": each.new} for each in due})
    staff_log.record(Action.CHANGE, *(current[each.variant] for each in due), fields=["price"])
    services.finalize_products(*products, drops_low_compare_at_prices=True)
    if compare_at == CompareAtPriceRule.SHOW:
        lower = Product.objects.filter(pk__in=products).values_list("pk", "price")
        shown = {pk: {"compare_at_price": before[pk]} for pk, price in lower if price < before[pk]}
        documents.update_rows(Product, shown)
    elif compare_at == CompareAtPriceRule.REMOVE:
        Product.objects.filter(pk__in=products).update(compare_at_price=None)
    return due
