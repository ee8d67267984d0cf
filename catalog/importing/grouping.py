"""Group the rows of a file by product.

A known SKU belongs to its variant's product. A new SKU belongs to the product with the row's slug, in the database or
in the file; without a slug, to the new product of the other new SKUs with the same name.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from bson import ObjectId

from catalog.importing.rows import Row, Sheet
from catalog.models import Product, Variant
from catalog.skus import SkuMap
from shop.db import identifiers

# Values per query.
ASKED_AT_ONCE = 1000


@dataclass
class ProductRows:
    """The rows of one product, in order; ``product_id`` is None for a new product."""

    product_id: ObjectId | None
    rows: list[Row] = field(default_factory=list)


def group_rows(sheet: Sheet) -> list[ProductRows]:
    """Return the rows by product, in the order of the products' first rows."""
    owners = _products_by_sku([row.sku for row in sheet.rows])
    slugs = {row.number: identifiers.slug(sheet.text(row, "slug")) for row in sheet.rows}
    by_slug = _products_by_slug({slugs[row.number] for row in sheet.rows if row.sku not in owners} - {""})
    # A product that gets a new slug in this file is also found by that slug.
    renamed = {slugs[row.number]: owners.find(row.sku) for row in sheet.rows if row.sku in owners}
    groups: dict[tuple[str, Any], ProductRows] = {}
    for row in sheet.rows:
        slug = slugs[row.number]
        product_id = owners.find(row.sku) or (by_slug.get(slug) or renamed.get(slug) if slug else None)
        if product_id:
            key = ("product", product_id)
        else:
            key = ("slug", slug) if slug else ("name", identifiers.label(sheet.text(row, "name")))
        groups.setdefault(key, ProductRows(product_id)).rows.append(row)
    return list(groups.values())


def in_portions(values: Sequence[Any], size: int) -> Iterator[list[Any]]:
    rest = iter(values)
    while portion := list(islice(rest, size)):
        yield portion


def _products_by_sku(skus: Sequence[str]) -> SkuMap[ObjectId]:
    found: SkuMap[ObjectId] = SkuMap()
    for portion in in_portions(skus, ASKED_AT_ONCE):
        for sku, product_id in Variant.objects.with_skus(portion).order_by().values_list("sku", "product"):
            found.add(sku, product_id)
    return found


def _products_by_slug(slugs: Iterable[str]) -> dict[str, ObjectId]:
    found: dict[str, ObjectId] = {}
    for portion in in_portions(list(slugs), ASKED_AT_ONCE):
        found.update(Product.objects.filter(slug__in=portion).values_list("slug", "pk"))
    return found
