"""Group rows by product: known SKUs by their variant, new SKUs by slug, or without slug by name."""

from collections.abc import Iterable, Iterator, Sequence

from catalog.importing.columns import SKU
from catalog.importing.rows import CellFault, ProductRows, Row, Sheet
from catalog.importing.staging import StagedRows
from catalog.models import Product, Variant
from catalog.skus import SkuMap
from shop.db import identifiers

LOOKED_UP_AT_ONCE = 1000
PRODUCTS_AT_ONCE = 200
ROWS_AT_ONCE = 1000
# Of cells, because a row may have a million.
CHARACTERS_AT_ONCE = 4_000_000


def stage(sheet: Sheet, staged: StagedRows) -> Iterator[tuple[int, list[CellFault]]]:
    """Store the rows; yield numbers of rows that were read, with their faults. Raises ``FileRefused``."""
    read, faults, waiting = 0, [], []
    for entry in sheet.rows():
        read += 1
        if isinstance(entry, CellFault):
            faults.append(entry)
        elif earlier := _add(sheet, staged, entry):
            faults.append(CellFault(entry.number, SKU, f"Row {earlier} already has this SKU."))
        else:
            waiting.append((entry.number, entry.sku))
        if read == LOOKED_UP_AT_ONCE:
            _set_known(staged, waiting)
            yield read, faults
            read, faults, waiting = 0, [], []
    _set_known(staged, waiting)
    yield read, faults
    for slugs in staged.slugs_without_product(at_once=LOOKED_UP_AT_ONCE):
        staged.set_products_by_slug(Product.objects.filter(slug__in=slugs).values_list("slug", "pk"))


def in_batches(products: Iterable[ProductRows]) -> Iterator[list[ProductRows]]:
    """Yield products that are compared at once, within limits of memory."""
    batch: list[ProductRows] = []
    rows = characters = 0
    for product in products:
        batch.append(product)
        rows += len(product.rows)
        characters += sum(len(cell) for row in product.rows for cell in row.cells)
        if len(batch) == PRODUCTS_AT_ONCE or rows >= ROWS_AT_ONCE or characters >= CHARACTERS_AT_ONCE:
            yield batch
            batch, rows, characters = [], 0, 0
    if batch:
        yield batch


def _add(sheet: Sheet, staged: StagedRows, row: Row) -> int | None:
    return staged.add(
        row,
        key=identifiers.key(row.sku),
        slug=identifiers.slug(sheet.text(row, "slug")),
        name=identifiers.label(sheet.text(row, "name")),
    )


def _set_known(staged: StagedRows, rows: Sequence[tuple[int, str]]) -> None:
    known = SkuMap(
        Variant.objects.with_skus(sku for _, sku in rows).order_by().values_list("sku", "product") if rows else ()
    )
    staged.set_products((number, product) for number, sku in rows if (product := known.find(sku)))
