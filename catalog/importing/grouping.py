"""Group rows by product: known SKUs by their variant, new SKUs by slug, or without slug by name."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bson import ObjectId

from catalog.importing.rows import Row, Sheet
from catalog.models import Product, Variant
from catalog.skus import SkuMap
from shop.db import identifiers

T = TypeVar("T")

LOOKED_UP_AT_ONCE = 1000


@dataclass
class ProductRows:
    """A new product has no ``product_id``."""

    product_id: ObjectId | None
    rows: list[Row] = field(default_factory=list)


def group_rows(sheet: Sheet) -> list[ProductRows]:
    owners = _products_by_sku([row.sku for row in sheet.rows])
    slugs = {row.number: identifiers.slug(sheet.text(row, "slug")) for row in sheet.rows}
    by_slug = _products_by_slug({slugs[row.number] for row in sheet.rows if row.sku not in owners} - {""})
    # A product is also found by its new slug in this file.
    renamed = {slugs[row.number]: owners.find(row.sku) for row in sheet.rows if row.sku in owners}
    groups: dict[tuple[str, Any], ProductRows] = {}
    for row in sheet.rows:
        slug = slugs[row.number]
        product_id = owners.find(row.sku) or (by_slug.get(slug) or renamed.get(slug) if slug else None)
        name = identifiers.label(sheet.text(row, "name"))
        key = ("product", product_id) if product_id else ("slug", slug) if slug else ("name", name)
        groups.setdefault(key, ProductRows(product_id)).rows.append(row)
    return list(groups.values())


def in_chunks(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _products_by_sku(skus: Sequence[str]) -> SkuMap[ObjectId]:
    found: SkuMap[ObjectId] = SkuMap()
    for chunk in in_chunks(skus, LOOKED_UP_AT_ONCE):
        for sku, product_id in Variant.objects.with_skus(chunk).order_by().values_list("sku", "product"):
            found.add(sku, product_id)
    return found


def _products_by_slug(slugs: Iterable[str]) -> dict[str, ObjectId]:
    found: dict[str, ObjectId] = {}
    for chunk in in_chunks(list(slugs), LOOKED_UP_AT_ONCE):
        found.update(Product.objects.filter(slug__in=chunk).values_list("slug", "pk"))
    return found
