from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from bson import ObjectId
from rest_framework.exceptions import PermissionDenied

from catalog import read_model, services
from catalog.bulk.results import Errors, Outcome, Row, Status, done, failed, fault, refused
from catalog.bulk.stock import variants_of
from catalog.errors import CompareAtPriceTooLow, SaleInvalid
from catalog.models import Product, Variant
from catalog.sales import truncated
from catalog.services import SALE_FIELDS
from shop.api.errors import ShopError
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.db import documents
from shop.jobs.timing import now

AT_ONCE = 100
OF_VARIANT = ("price", *SALE_FIELDS)
COMPARE_AT = "compare_at_price"


def write(rows: Sequence[Row], earlier: Mapping[str, int], *, may_change_products: bool) -> list[Outcome]:
    """Set prices of variants, and compare-at prices of their products, in the caller's transaction."""
    found = variants_of(rows, earlier)
    ids = {variant.product_id for variant in found.values() if isinstance(variant, Variant)}
    batch = _Batch(ids, moment=now())
    outcomes = []
    for row in rows:
        variant = found[row.index]
        if isinstance(variant, ShopError):
            outcomes.append(refused(row, variant))
        elif COMPARE_AT in row.data and not may_change_products:
            outcomes.append(refused(row, PermissionDenied(), pk=variant.pk))
        else:
            outcomes.append(batch.add(row, variant.pk))
    batch.write()
    return outcomes


class _Batch:
    """Changes that are tried on the rows in memory, one after the other, before all are written."""

    def __init__(self, product_ids: set[ObjectId], *, moment: datetime) -> None:
        self._moment = moment
        self._products = Product.objects.in_bulk(list(product_ids))
        self._of_product: dict[ObjectId, list[Variant]] = read_model.group_by_product(
            Variant.objects.filter(product__in=product_ids)
        )
        self._variants = {variant.pk: variant for rows in self._of_product.values() for variant in rows}
        self._prices: dict[ObjectId, dict[str, Any]] = {}
        self._compare_at: dict[ObjectId, Decimal | None] = {}
        # By product, the index of the row that gives its compare-at price.
        self._given: dict[ObjectId, int] = {}

    def add(self, row: Row, pk: ObjectId) -> Outcome:
        variant = self._variants[pk]
        product = self._products[variant.product_id]
        wanted = {name: _as_stored(row.data[name]) for name in OF_VARIANT if name in row.data}
        changes = {name: value for name, value in wanted.items() if getattr(variant, name) != value}
        before = {name: getattr(variant, name) for name in changes}
        former, given = product.compare_at_price, row.data.get(COMPARE_AT, product.compare_at_price)
        if given != former and product.pk in self._given:
            detail = f"Row {self._given[product.pk]} gives another compare-at price of the same product."
            return failed(row, fault("ambiguous", detail, COMPARE_AT), pk=pk)
        if not changes and given == former:
            return self._done(row, Status.UNCHANGED, variant)
        _set(variant, changes)
        product.compare_at_price = given
        if errors := self._faults(variant, product, changes):
            _set(variant, before)
            product.compare_at_price = former
            return failed(row, errors, pk=pk)
        if changes:
            self._prices[variant.pk] = changes
        if given != former:
            self._compare_at[product.pk] = given
        return self._done(row, Status.UPDATED, variant)

    def _done(self, row: Row, status: Status, variant: Variant) -> Outcome:
        if COMPARE_AT in row.data:
            self._given.setdefault(variant.product_id, row.index)
        return done(row, status, pk=variant.pk, sku=variant.sku)

    def _faults(self, variant: Variant, product: Product, changes: Mapping[str, Any]) -> Errors:
        """Return what ``finalize_products`` would refuse."""
        is_new_plan = bool(changes) and variant.is_active
        if is_new_plan and variant.price_plan.is_new_fault(variant.recorded_plan, moment=self._moment):
            return fault(SaleInvalid.default_code, str(SaleInvalid.default_detail), "sale_price")
        prices = [each.price for each in self._of_product[product.pk] if each.is_active]
        if product.compare_at_price is not None and prices and product.compare_at_price <= min(prices):
            return fault(CompareAtPriceTooLow.default_code, str(CompareAtPriceTooLow.default_detail), COMPARE_AT)
        return []

    def write(self) -> None:
        if not (self._prices or self._compare_at):
            return
        documents.update_rows(Variant, self._prices)
        documents.update_rows(Product, {pk: {COMPARE_AT: price} for pk, price in self._compare_at.items()})
        alike: defaultdict[tuple[str, ...], list[Variant]] = defaultdict(list)
        for pk, changes in self._prices.items():
            alike[tuple(changes)].append(self._variants[pk])
        for fields, variants in alike.items():
            staff_log.record(Action.CHANGE, *variants, fields=fields)
        staff_log.record(Action.CHANGE, *(self._products[pk] for pk in self._compare_at), fields=[COMPARE_AT])
        services.finalize_products(*{self._variants[pk].product_id for pk in self._prices}, *self._compare_at)


def _as_stored(value: Any) -> Any:
    return truncated(value) if isinstance(value, datetime) else value


def _set(variant: Variant, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(variant, name, value)
