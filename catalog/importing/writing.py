"""Apply steps of a plan, except those whose rows have changed since the check."""

from collections.abc import Sequence
from typing import Any, cast

from bson import ObjectId
from django.db import models

from catalog import read_model, services, stock
from catalog.importing.columns import STOCK, Column, Columns
from catalog.importing.errors import BadCell
from catalog.importing.models import ImportStep
from catalog.models import Category, Product, StockMovement, Variant
from catalog.skus import SkuMap
from shop.db import documents

Conflicts = dict[ObjectId, str]


class _Conflict(Exception):
    """The data has changed since the check."""


def write(steps: Sequence[ImportStep], *, actor: str, origin: str) -> Conflicts:
    """Apply steps in the caller's transaction; return the skipped ones with reasons.

    Concurrent changes may cause constraint errors.
    """
    batch = _Batch(steps, origin=origin)
    conflicts = {}
    for step in steps:
        try:
            batch.add(step)
        except _Conflict as conflict:
            conflicts[step.pk] = str(conflict)
    batch.write(actor=actor)
    return conflicts


class _Work:
    def __init__(self) -> None:
        self.new_products: list[Product] = []
        self.new_variants: list[Variant] = []
        self.products: dict[ObjectId, dict[str, Any]] = {}
        self.variants: dict[ObjectId, dict[str, Any]] = {}
        self.deltas: dict[ObjectId, int] = {}
        self.notes: dict[ObjectId, str] = {}
        # Changed in more than stock.
        self.to_finalize: list[ObjectId] = []

    def take_over(self, other: "_Work") -> None:
        self.new_products += other.new_products
        self.new_variants += other.new_variants
        self.to_finalize += other.to_finalize
        self.products |= other.products
        self.variants |= other.variants
        self.deltas |= other.deltas
        self.notes |= other.notes


class _Batch:
    def __init__(self, steps: Sequence[ImportStep], *, origin: str) -> None:
        self._origin = origin
        self._columns = Columns(Category.objects.all())
        self._work = _Work()
        ids = [step.product_id for step in steps if step.product_id]
        self._products = Product.objects.in_bulk(ids) if ids else {}
        self._variants = read_model.by_product(Variant.objects.filter(product__in=ids)) if ids else {}
        new_skus = [each["sku"] for step in steps for each in step.variants if each["id"] is None]
        new_slugs = [text for step in steps for name, _, text in step.changes if name == "slug"]
        taken = Variant.objects.with_skus(new_skus).values_list("sku", "pk") if new_skus else ()
        self._skus = SkuMap(taken)
        self._slugs = dict(Product.objects.filter(slug__in=new_slugs).values_list("slug", "pk")) if new_slugs else {}

    def add(self, step: ImportStep) -> None:
        """Raises :class:`_Conflict`, without adding a part of the step."""
        work = _Work()
        product = self._product_of(step)
        changed: dict[str, Any] = {}
        for name, before, after in step.changes:
            if name == "slug" and self._slugs.get(after, product.pk) != product.pk:
                raise _Conflict(f"Another product now has the slug {after}.")
            column = cast("Column", self._columns.of_product(name))
            changed |= self._put(column, product, before, after)
        if product._state.adding:
            work.new_products.append(product)
        elif changed:
            work.products[product.pk] = changed
        self._add_variants(work, step, product)
        if changed or work.new_products or work.new_variants or work.variants:
            work.to_finalize.append(product.pk)
        self._work.take_over(work)

    def write(self, *, actor: str) -> None:
        work = self._work
        if work.new_products:
            Product.objects.bulk_create(work.new_products)
        documents.update_rows(Product, work.products)
        if work.new_variants:
            Variant.objects.bulk_create(work.new_variants)
        documents.update_rows(Variant, work.variants)
        if work.deltas:
            reason = StockMovement.Reason.IMPORT
            stock.adjust_many(work.deltas, reason=reason, notes=work.notes, reference=actor)
        if work.to_finalize:
            # A price changed since the check must not fail the batch.
            services.finalize_products(*work.to_finalize, drops_low_compare_at_prices=True)

    def _product_of(self, step: ImportStep) -> Product:
        if step.product_id is None:
            return Product(pk=ObjectId())
        if step.product_id not in self._products:
            raise _Conflict("The product was deleted.")
        return self._products[step.product_id]

    def _add_variants(self, work: _Work, step: ImportStep, product: Product) -> None:
        existing = {str(variant.pk): variant for variant in self._variants.get(product.pk, [])}
        position = max((variant.position for variant in existing.values()), default=-1)
        for entry in step.variants:
            if entry["id"] is None:
                if entry["sku"] in self._skus:
                    raise _Conflict(f"The variant {entry['sku']} now exists.")
                position += 1
                variant = Variant(pk=ObjectId(), product_id=product.pk, sku=entry["sku"], position=position)
                work.new_variants.append(variant)
            elif entry["id"] not in existing:
                raise _Conflict(f"The variant {entry['sku']} was deleted.")
            else:
                variant = existing[entry["id"]]
            changed: dict[str, Any] = {}
            for name, before, after in entry["changes"]:
                if name == STOCK:
                    self._move_stock(work, variant, entry, before, after)
                else:
                    column = cast("Column", self._columns.of_variant(name))
                    changed |= self._put(column, variant, before, after)
            if changed and not variant._state.adding:
                work.variants[variant.pk] = changed

    def _put(self, column: Column, row: models.Model, before: str, after: str) -> dict[str, Any]:
        if not row._state.adding:
            now = column.show(row)
            if now == after:
                return {}
            if now != before:
                raise _Conflict(f"{column.name} was “{before}” when the file was checked and is now “{now}”.")
        try:
            column.put(row, after)
        except BadCell as error:
            raise _Conflict(f"{column.name}: {error}") from error
        return column.fields(row)

    def _move_stock(self, work: _Work, variant: Variant, entry: dict[str, Any], before: str, after: str) -> None:
        """Apply the difference only, which keeps sales since the check."""
        delta = int(after) - int(before)
        if not variant._state.adding and variant.adjustments != entry["adjustments"]:
            if variant.stock == int(after):
                return
            raise _Conflict(
                f"The stock of {variant.sku} was counted or imported since the file was checked: it was {before} "
                f"and is now {variant.stock}."
            )
        if variant.stock + delta < 0:
            raise _Conflict(f"Only {variant.stock} of {variant.sku} in stock; {-delta} cannot be removed.")
        work.deltas[variant.pk] = delta
        work.notes[variant.pk] = f"{self._origin[:170]}, row {entry['row']}"
