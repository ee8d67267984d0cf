import codecs
from collections.abc import Callable, Iterator
from decimal import Decimal
from operator import attrgetter, itemgetter
from typing import Any

from bson import ObjectId
from django.db.models import QuerySet

from catalog import read_model
from catalog.importing import csv_format, xlsx_format
from catalog.importing.columns import SKU, STOCK, STOCK_BASE, Column, Columns, MoneyColumn, stock_base
from catalog.importing.errors import TooManyColumns
from catalog.importing.formats import MAX_COLUMNS, escape_formula
from catalog.models import Category, Product, Variant

PRODUCTS_AT_ONCE = 500

Tick = Callable[[int], None]
Cell = str | int | Decimal


class Export:
    """Products in chunks, one row per variant. Raises :class:`TooManyColumns`."""

    def __init__(self, products: QuerySet[Product], *, tick: Tick = lambda done: None) -> None:
        # By key, so that concurrent changes repeat or skip no product.
        self._products = products.prefetch_related(None).order_by("pk")
        self._tick = tick
        columns = Columns(Category.objects.all())
        self.headings = columns.export_order(*self._names())
        if len(self.headings) > MAX_COLUMNS:
            raise TooManyColumns
        self._of_product = {name: column for name in self.headings if (column := columns.of_product(name))}
        self._of_variant = {name: column for name in self.headings if (column := columns.of_variant(name))}

    def csv(self, *, byte_order_mark: bool = True) -> Iterator[bytes]:
        """Excel needs a byte order mark for UTF-8."""
        yield (codecs.BOM_UTF8 if byte_order_mark else b"") + csv_format.encoded([self.headings])
        for rows in self._chunks():
            yield csv_format.encoded(rows)

    def xlsx(self) -> Iterator[bytes]:
        """Yield empty chunks until the file is complete on disk."""
        with xlsx_format.Writer() as writer:
            writer.write([self.headings])
            for rows in self._chunks():
                writer.write(rows)
                yield b""
            yield from writer.chunks()

    def _names(self) -> tuple[set[str], set[str]]:
        attributes: set[str] = set()
        options: set[str] = set()
        # `only()` would read whole products on MongoDB.
        for rows in _pages(self._products.values("pk", "attributes"), key=itemgetter("pk")):
            attributes.update(*(row["attributes"] for row in rows))
            variants = Variant.objects.filter(product__in=[row["pk"] for row in rows]).order_by()
            options.update(*variants.values_list("options", flat=True))
        return attributes, options

    def _chunks(self) -> Iterator[list[list[Cell]]]:
        done = 0
        for products in _pages(self._products, key=attrgetter("pk")):
            variants = read_model.group_by_product(
                Variant.objects.filter(product__in=products).order_by("position", "id")
            )
            yield [row for product in products for row in self._rows(product, variants[product.pk])]
            done += len(products)
            self._tick(done)

    def _rows(self, product: Product, variants: list[Variant]) -> Iterator[list[Cell]]:
        of_product = {name: _cell(column, product) for name, column in self._of_product.items()}
        for variant in variants:
            cells = {
                **of_product,
                **{name: _cell(column, variant) for name, column in self._of_variant.items()},
                SKU: escape_formula(variant.sku),
                STOCK: variant.stock,
                STOCK_BASE: stock_base(variant),
            }
            yield [cells[name] for name in self.headings]


def _pages(products: QuerySet[Any, Any], *, key: Callable[[Any], ObjectId]) -> Iterator[list[Any]]:
    page = list(products[:PRODUCTS_AT_ONCE])
    while page:
        yield page
        page = list(products.filter(pk__gt=key(page[-1]))[:PRODUCTS_AT_ONCE])


def _cell(column: Column, row: Product | Variant) -> Cell:
    text = column.show(row)
    return Decimal(text) if text and isinstance(column, MoneyColumn) else escape_formula(text)
