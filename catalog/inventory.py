"""Variants in pages for staff who count them. A page reads a bounded number of rows, whatever it looks for."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from bson import ObjectId
from django.conf import settings
from django.db import models
from django.db.models import Q, QuerySet

from catalog.availability import StockPolicy
from catalog.listing.search import Search
from catalog.models import Product, Variant
from shop.admin.lists import MOST_FOUND, in_order
from shop.db import identifiers

# A page also has the other variants of its last product.
ROWS = 50
# Products or variants that a page reads at most, most of which may not match.
MOST_READ = 1000
_AT_ONCE = 50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class StockLevel(models.TextChoices):
    ANY = "", "Any stock"
    LOW = "low", "Low stock"
    OUT = "out", "Out of stock"


class Filters(NamedTuple):
    """A low stock matters only for variants that are for sale and tracked."""

    text: str = ""
    level: StockLevel = StockLevel.ANY
    # Includes subcategories.
    category: ObjectId | None = None


class Page(NamedTuple):
    """``after`` is the position of the next page, or ""."""

    rows: list[Variant]
    after: str


def read_page(filters: Filters, *, after: str = "") -> Page:
    """Return the variants of the newest products first, or the lowest stock first if only the stock is filtered."""
    position = _parsed(after)
    if filters.level and not filters.text and filters.category is None:
        return _by_stock(filters.level, position)
    products: QuerySet[Product] = Product.objects.filter(is_active__in=[True, False])
    if filters.category is not None:
        products = products.filter(category_lineage__contains=[filters.category])
    variants: set[ObjectId] | None = None
    if filters.text:
        products, variants = _found(products, filters.text)
    return _by_product(
        products,
        position,
        lambda product, variant: (variants is None or variant.pk in variants) and _has(filters.level, product, variant),
    )


def with_products(variants: Iterable[Variant]) -> list[Variant]:
    rows = list(variants)
    models.prefetch_related_objects(rows, "product")
    return rows


def _found(products: QuerySet[Product], text: str) -> tuple[QuerySet[Product], set[ObjectId] | None]:
    """Return the products, and which of their variants, or None for all."""
    key, code = identifiers.key(text), identifiers.code(text)
    exact = _products_by_variant(Variant.objects.filter(sku_key=key))
    if not exact and code.isdecimal():
        exact = _products_by_variant(Variant.objects.filter(barcode=code).order_by("pk"))
    if exact:
        return products.filter(pk__in=set(exact.values())), set(exact)
    by_words = Search(text).matching(products)
    if by_words.exists():
        return by_words, None
    by_sku = _products_by_variant(in_order(Variant.objects.all(), "sku_key", key))
    return products.filter(pk__in=set(by_sku.values())), set(by_sku)


def _products_by_variant(variants: QuerySet[Variant]) -> dict[ObjectId, ObjectId]:
    return dict(variants.values_list("pk", "product")[:MOST_FOUND])


def _by_product(
    products: QuerySet[Product], position: tuple[int, ObjectId] | None, is_wanted: Callable[[Product, Variant], bool]
) -> Page:
    rows: list[Variant] = []
    read = 0
    products = products.order_by("-created_at", "-pk")
    while True:
        batch = list(_older(products, position)[: _AT_ONCE + 1])
        is_last = len(batch) <= _AT_ONCE
        batch = batch[:_AT_ONCE]
        variants = _variants_of(batch)
        for number, product in enumerate(batch, 1):
            for variant in variants[product.pk]:
                if is_wanted(product, variant):
                    variant.product = product
                    rows.append(variant)
            read += 1
            position = _milliseconds(product.created_at), product.pk
            is_end = is_last and number == len(batch)
            if not is_end and (len(rows) >= ROWS or read >= MOST_READ):
                return Page(rows, _written(position))
        if is_last:
            return Page(rows, "")


def _older(products: QuerySet[Product], position: tuple[int, ObjectId] | None) -> QuerySet[Product]:
    if position is None:
        return products
    at = _EPOCH + timedelta(milliseconds=max(position[0], 0))
    return products.filter(created_at__lte=at).filter(Q(created_at__lt=at) | Q(pk__lt=position[1]))


def _variants_of(products: Iterable[Product]) -> dict[ObjectId, list[Variant]]:
    found: dict[ObjectId, list[Variant]] = {product.pk: [] for product in products}
    for variant in Variant.objects.filter(product__in=list(found)).order_by():
        found[variant.product_id].append(variant)
    for variants in found.values():
        variants.sort(key=lambda variant: (variant.position, variant.pk))
    return found


def _by_stock(level: StockLevel, position: tuple[int, ObjectId] | None) -> Page:
    low = Variant.objects.filter(stock__lt=_limit(level)).order_by("stock", "pk")
    rows: list[Variant] = []
    read = 0
    while True:
        batch = _higher(low, position, count=_AT_ONCE + 1)
        is_last = len(batch) <= _AT_ONCE
        for number, variant in enumerate(with_products(batch[:_AT_ONCE]), 1):
            if _has(level, variant.product, variant):
                rows.append(variant)
            read += 1
            position = variant.stock, variant.pk
            is_end = is_last and number == len(batch)
            if not is_end and (len(rows) >= ROWS or read >= MOST_READ):
                return Page(rows, _written(position))
        if is_last:
            return Page(rows, "")


def _higher(low: QuerySet[Variant], position: tuple[int, ObjectId] | None, *, count: int) -> list[Variant]:
    """Return the first after a position: many variants may have the same stock."""
    if position is None:
        return list(low[:count])
    stock, pk = position
    same = list(low.filter(stock=stock, pk__gt=pk)[:count])
    return [*same, *low.filter(stock__gt=stock)[: count - len(same)]] if len(same) < count else same


def _limit(level: StockLevel) -> int:
    return 1 if level == StockLevel.OUT else settings.LOW_STOCK_THRESHOLD


def _has(level: StockLevel, product: Product, variant: Variant) -> bool:
    if not level:
        return True
    is_for_sale = product.is_active and variant.is_active and variant.stock_policy != StockPolicy.UNTRACKED
    return is_for_sale and variant.stock < _limit(level)


def _milliseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1)


def _written(position: tuple[int, ObjectId]) -> str:
    return f"{position[0]}_{position[1]}"


def _parsed(after: str) -> tuple[int, ObjectId] | None:
    """Return None for what is not a position, which begins the list again."""
    number, _, pk = after.partition("_")
    digits = number.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 14 and ObjectId.is_valid(pk)):
        return None
    return int(number), ObjectId(pk)
