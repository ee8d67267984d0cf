from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Protocol

from bson import ObjectId
from django.db.models import Model, QuerySet

from catalog.importing.column_types import Column, MoneyColumn, NumberColumn
from catalog.importing.columns import SKU, STOCK, STOCK_BASE, Columns, stock_base
from catalog.importing.errors import TooManyColumns
from catalog.importing.formats import MAX_COLUMNS, escape_formula
from catalog.models import Category, Product, Variant
from shop.db import documents
from shop.db.fields import column_of, field_of

PRODUCTS_AT_ONCE = 200
IDS_AT_ONCE = 5000

Tick = Callable[[int], None]
Cell = str | int | Decimal


class Writer(Protocol):
    def write(self, rows: Sequence[Sequence[Cell]]) -> None: ...

    def finish(self) -> None: ...


class Export:
    """Products, one row per variant."""

    headings: list[str]

    def __init__(self, products: QuerySet[Product], *, tick: Tick = lambda done: None) -> None:
        # By key, so that concurrent changes repeat or skip no product.
        self._ids = products.order_by("pk").values_list("pk", flat=True)
        self._tick = tick

    def collect_headings(self) -> Iterator[None]:
        """Set ``headings``; yield between reads. Raises :class:`TooManyColumns`."""
        attributes: set[str] = set()
        options: set[str] = set()
        for ids in self._pages(IDS_AT_ONCE):
            attributes |= _keys(Product, "_id", ids, "attributes")
            options |= _keys(Variant, "product_id", ids, "options")
            yield
        columns = Columns(Category.objects.all())
        self.headings = columns.export_order(attributes, options)
        if len(self.headings) > MAX_COLUMNS:
            raise TooManyColumns
        self._of_product = {name: column for name in self.headings if (column := columns.of_product(name))}
        self._of_variant = {name: column for name in self.headings if (column := columns.of_variant(name))}
        self._product_fields = _projection(Product, {column.field.name for column in self._of_product.values()})
        variant_fields = {column.field.name for column in self._of_variant.values()}
        self._variant_fields = _projection(Variant, {*variant_fields, "product", "sku", "stock", "adjustments"})

    def write(self, writer: Writer) -> None:
        """Write all products to one file. Raises :class:`TooManyColumns`."""
        try:
            for _ in self.collect_headings():
                pass
            writer.write([self.headings])
            for products in self.batches():
                for rows in products:
                    writer.write(rows)
        finally:
            writer.finish()

    def batches(self) -> Iterator[list[list[list[Cell]]]]:
        """Yield the rows of each product."""
        done = 0
        for ids in self._pages(PRODUCTS_AT_ONCE):
            by_key: list[Any] = [{"$match": {"_id": {"$in": ids}}}, {"$sort": {"_id": 1}}]
            products = documents.aggregate(Product, [*by_key, self._product_fields])
            variants = self._variants(ids)
            yield [self._rows(product, variants[product["_id"]]) for product in products]
            done += len(ids)
            self._tick(done)

    def _pages(self, size: int) -> Iterator[list[ObjectId]]:
        page = list(self._ids[:size])
        while page:
            yield page
            page = list(self._ids.filter(pk__gt=page[-1])[:size]) if len(page) == size else []

    def _variants(self, product_ids: list[ObjectId]) -> dict[ObjectId, list[documents.Document]]:
        by_product: dict[ObjectId, list[documents.Document]] = {product_id: [] for product_id in product_ids}
        match = {"$match": {"product_id": {"$in": product_ids}}}
        for variant in documents.aggregate(
            Variant, [match, {"$sort": {"position": 1, "_id": 1}}, self._variant_fields]
        ):
            by_product[variant["product_id"]].append(variant)
        return by_product

    def _rows(self, product: documents.Document, variants: list[documents.Document]) -> list[list[Cell]]:
        of_product = {name: _cell(column, product) for name, column in self._of_product.items()}
        rows = []
        for variant in variants:
            cells = {
                **of_product,
                **{name: _cell(column, variant) for name, column in self._of_variant.items()},
                SKU: escape_formula(variant["sku"]),
                STOCK: variant["stock"],
                STOCK_BASE: stock_base(variant["stock"], variant["adjustments"]),
            }
            rows.append([cells[name] for name in self.headings])
        return rows


def _projection(model: type[Model], names: set[str]) -> documents.Document:
    values = {column_of(field_of(model, name)): documents.stored_or_default(model, name) for name in names}
    return {"$project": values}


def _keys(model: type[Model], key: str, values: list[ObjectId], field: str) -> set[str]:
    """Return the names in an object field of these rows."""
    pipeline = [
        {"$match": {key: {"$in": values}}},
        {"$project": {"pair": {"$objectToArray": f"${field}"}}},
        {"$unwind": "$pair"},
        {"$group": {"_id": "$pair.k"}},
    ]
    return {group["_id"] for group in documents.aggregate(model, pipeline)}


def _cell(column: Column, row: documents.Document) -> Cell:
    value = row[column_of(column.field)]
    if isinstance(column, NumberColumn):
        return "" if value is None else value
    if not isinstance(column, MoneyColumn):
        return escape_formula(column.text_of(value))
    return "" if value is None else Decimal(column.text_of(documents.decimal_of(value)))
