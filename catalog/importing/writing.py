"""Apply steps of a plan, except those whose rows have changed since the check."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from bson import ObjectId
from django.db import models

from catalog import read_model, services, stock
from catalog.importing.column_types import Column
from catalog.importing.columns import STOCK, Columns
from catalog.importing.errors import BadCell
from catalog.importing.models import ImportStep
from catalog.models import Category, Product, StockMovement, Variant
from catalog.redirects import Kind, leave_redirect
from catalog.skus import SkuMap
from shop.changes import record_all
from shop.db import documents

Conflicts = dict[ObjectId, str]


class _Conflict(Exception):
    """The data has changed since the check."""


def write(
    steps: Sequence[ImportStep], *, actor: str, origin: str, drops_low_compare_at_prices: bool = True
) -> Conflicts:
    """Apply steps in the caller's transaction; return the skipped ones with reasons.

    Concurrent changes may cause constraint errors. ``drops_low_compare_at_prices`` is explained at
    ``finalize_products``: a price that has changed since the check must not fail the batch.
    """
    batch = _Batch(steps, origin=origin)
    conflicts = {}
    for step in steps:
        try:
            batch.add(step)
        except _Conflict as conflict:
            conflicts[step.pk] = str(conflict)
    batch.write(actor=actor, drops_low_compare_at_prices=drops_low_compare_at_prices)
    return conflicts


@dataclass
class _Work:
    """A step's rows, each with the changed fields if it exists."""

    product: Product
    fields: dict[str, Any] = field(default_factory=dict)
    variants: list[tuple[Variant, dict[str, Any]]] = field(default_factory=list)
    deltas: dict[ObjectId, int] = field(default_factory=dict)
    notes: dict[ObjectId, str] = field(default_factory=dict)
    former_slug: str = ""


class _Batch:
    def __init__(self, steps: Sequence[ImportStep], *, origin: str) -> None:
        self._origin = origin
        self._columns = Columns(Category.objects.all())
        self._works: list[_Work] = []
        ids = [step.product_id for step in steps if step.product_id]
        self._products = Product.objects.in_bulk(ids)
        self._variants = read_model.group_by_product(Variant.objects.filter(product__in=ids))
        new_skus = [each["sku"] for step in steps for each in step.variants if each["id"] is None]
        new_slugs = [text for step in steps for name, _, text in step.changes if name == "slug"]
        self._skus = SkuMap(Variant.objects.with_skus(new_skus).values_list("sku", "pk"))
        self._slugs = dict(Product.objects.filter(slug__in=new_slugs).values_list("slug", "pk"))

    def add(self, step: ImportStep) -> None:
        """Raises :class:`_Conflict`, without adding a part of the step."""
        if step.product_id is not None and step.product_id not in self._products:
            raise _Conflict("The product was deleted.")
        work = _Work(self._products[step.product_id] if step.product_id else Product(pk=ObjectId()))
        if step.product_id:
            work.former_slug = work.product.slug
        for name, before, after in step.changes:
            if name == "slug" and self._slugs.get(after, work.product.pk) != work.product.pk:
                raise _Conflict(f"Another product now has the slug {after}.")
            column = cast("Column", self._columns.of_product(name))
            work.fields |= self._put(column, work.product, before, after)
        existing = {str(variant.pk): variant for variant in self._variants.get(work.product.pk, [])}
        position = max((variant.position for variant in existing.values()), default=-1)
        for entry in step.variants:
            if entry["id"] is not None:
                if entry["id"] not in existing:
                    raise _Conflict(f"The variant {entry['sku']} was deleted.")
                self._add_variant(work, existing[entry["id"]], entry)
            elif entry["sku"] in self._skus:
                raise _Conflict(f"The variant {entry['sku']} now exists.")
            else:
                position += 1
                variant = Variant(pk=ObjectId(), product_id=work.product.pk, sku=entry["sku"], position=position)
                self._add_variant(work, variant, entry)
        self._works.append(work)

    def write(self, *, actor: str, drops_low_compare_at_prices: bool) -> None:
        record_all("product.created", (work.product.pk for work in self._works if work.product._state.adding))
        _write_rows(Product, [(work.product, work.fields) for work in self._works])
        for work in self._works:
            product = work.product
            leave_redirect(Kind.PRODUCT, former=work.former_slug, slug=product.slug, target=product.pk)
        _write_rows(Variant, [each for work in self._works for each in work.variants])
        deltas = {pk: delta for work in self._works for pk, delta in work.deltas.items()}
        if deltas:
            notes = {pk: note for work in self._works for pk, note in work.notes.items()}
            stock.adjust_many(deltas, reason=StockMovement.Reason.IMPORT, notes=notes, reference=actor)
        # Excluding products of which only the stock changed.
        if changed := [work.product.pk for work in self._works if work.fields or work.variants]:
            services.finalize_products(*changed, drops_low_compare_at_prices=drops_low_compare_at_prices)

    def _add_variant(self, work: _Work, variant: Variant, entry: dict[str, Any]) -> None:
        fields: dict[str, Any] = {}
        for name, before, after in entry["changes"]:
            if name == STOCK:
                self._move_stock(work, variant, entry, before, after)
            else:
                column = cast("Column", self._columns.of_variant(name))
                fields |= self._put(column, variant, before, after)
        if fields or variant._state.adding:
            work.variants.append((variant, fields))

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
        return {column.field.name: getattr(row, column.field.attname)}

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
        if delta < 0 and variant.stock + delta < 0:
            raise _Conflict(f"Only {max(variant.stock, 0)} of {variant.sku} in stock; {-delta} cannot be removed.")
        work.deltas[variant.pk] = delta
        work.notes[variant.pk] = f"{self._origin[:170]}, row {entry['row']}"


def _write_rows(model: type[models.Model], rows: Sequence[tuple[models.Model, dict[str, Any]]]) -> None:
    new = [row for row, _ in rows if row._state.adding]
    changes = {row.pk: fields for row, fields in rows if fields and not row._state.adding}
    documents.insert(*new)
    documents.update_rows(model, changes)
