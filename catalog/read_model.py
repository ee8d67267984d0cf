"""Each change to a product, its variants or pictures must end with :func:`refresh`.

Concurrent changes conflict on the product's document and are retried.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

from bson import ObjectId
from django.db.models import F, Q
from django.utils import timezone
from pymongo import UpdateOne

from catalog import search_terms
from catalog.brands import brand_slug
from catalog.collections.membership import sync_items
from catalog.models import Category, Product, ProductImage, Variant
from catalog.options import combinations, option_fields
from catalog.price_history import record_prices
from catalog.sales import prices_at, truncated
from shop.changes import record, record_all
from shop.db import documents, identifiers
from shop.db.transactions import transactional


def refresh(*product_ids: ObjectId) -> bool:
    """Write the read model, in the change's transaction; return whether that removed a too low compare-at price.
    Raises ``Product.DoesNotExist``.
    """
    products = {product.pk: product for product in Product.objects.filter(pk__in=product_ids)}
    if len(products) < len(set(product_ids)):
        raise Product.DoesNotExist
    categories = categories_of(products.values())
    moved = [row for row in products.values() if row.category_lineage != _lineage(_own(row, categories))]
    Category.objects.filter(pk__in={row.pk for product in moved for row in _own(product, categories)}).bump_revision()
    variants = group_by_product(Variant.objects.filter(product__in=products, is_active=True).order_by("id"))
    images = group_by_product(ProductImage.objects.filter(product__in=products).order_by("position", "id"))
    # As MongoDB stores it.
    now = truncated(timezone.now())
    recorded = record_prices((variant for rows in variants.values() for variant in rows), now=now)
    documents.update_rows(Variant, recorded)
    changes = {
        pk: fields(product, categories=categories, variants=variants[pk], images=images[pk], moment=now)
        for pk, product in products.items()
    }
    _move_counts(
        (Counted(product.counted_in, product.shared_in), Counted(change["counted_in"], change["shared_in"]))
        for product, change in ((product, changes[pk]) for pk, product in products.items())
    )
    sync_items(products.values())
    documents.update_rows(
        Product, {pk: {**change, "updated_at": now, "edited_at": now} for pk, change in changes.items()}
    )
    record_all("product.updated", changes)
    return any(products[pk].compare_at_price != change["compare_at_price"] for pk, change in changes.items())


def group_by_product(rows: Iterable[Variant | ProductImage]) -> dict[ObjectId, list]:
    grouped = defaultdict(list)
    for row in rows:
        grouped[row.product_id].append(row)
    return grouped


def uncount(product: Product) -> None:
    """Remove a product that is about to be deleted from its categories' counts."""
    _move_counts([(Counted(product.counted_in, product.shared_in), Counted())])


def categories_of(products: Iterable[Product]) -> dict[ObjectId, Category]:
    return Category.objects.in_bulk(
        {pk for product in products for pk in (product.category_id, *product.additional_categories) if pk}
    )


def _own(product: Product, categories: Mapping[ObjectId, Category]) -> list[Category]:
    """Return the main category first; without those that were deleted."""
    own = dict.fromkeys((product.category_id, *product.additional_categories))
    return [categories[pk] for pk in own if pk in categories]


def _lineage(categories: Iterable[Category]) -> list[ObjectId]:
    return list(dict.fromkeys(pk for category in categories for pk in category.lineage))


def fields(
    product: Product,
    *,
    categories: Mapping[ObjectId, Category],
    variants: Sequence[Variant],
    images: Sequence[ProductImage],
    moment: datetime,
) -> dict[str, Any]:
    """``categories`` include the product's, ``variants`` are the active ones."""
    plans = [variant.price_plan for variant in variants]
    prices = prices_at(moment, plans)
    category = categories.get(product.category_id) if product.category_id else None
    own = _own(product, categories)
    lineage = _lineage(own)
    is_shared = bool(product.additional_categories)
    # Without active variants, keep the last price.
    price = prices.lowest if prices else product.price
    # The price that applies without a sale.
    regular = min((plan.price for plan in plans), default=price)
    former = product.compare_at_price
    return {
        **category_fields(category),
        "category_lineage": lineage,
        "counted_in": category.pk if category and product.is_active and not is_shared else None,
        "shared_in": lineage if product.is_active and is_shared else [],
        "placed_in": product.collections,
        "sort_name": search_terms.sort_name(product.name),
        **search_terms.product_fields(
            name=product.name,
            description=product.description,
            category=category.name if category else "",
            values=[
                product.brand,
                *product.tags,
                *searched_values(product.attributes, [variant.options for variant in variants]),
            ],
            skus=[code for variant in variants for code in (variant.sku, variant.barcode)],
        ),
        "brand_slug": brand_slug(product.brand),
        "attribute_pairs": sorted(attribute_pair(name, value) for name, value in product.attributes.items()),
        **option_fields(product.option_order, variants),
        "price": price,
        "price_max": prices.highest if prices else price,
        "regular_price": prices.regular if prices else None,
        "next_price_at": min((time for plan in plans for time in plan.changes_after(moment)), default=None),
        "compare_at_price": former if former is not None and former > regular else None,
        "in_stock": any(variant.in_stock for variant in variants),
        "pictures": [_picture(image) for image in images],
    }


def _picture(image: ProductImage) -> dict[str, Any]:
    size = {"width": image.width, "height": image.height} if image.width else {}
    return {"id": str(image.pk), "name": image.name, "alt": image.alt, **size}


def category_fields(category: Category | None) -> dict:
    return {
        "category_name": category.name if category else "",
        "category_slug": category.slug if category else "",
        "category_lineage": category.lineage if category else [],
    }


def attribute_pair(name: str, value: str) -> str:
    return f"{name}={identifiers.key(value)}"


def searched_values(attributes: dict[str, str], options: Iterable[dict[str, str]]) -> list[str]:
    return list(dict.fromkeys(value for pairs in (attributes, *options) for value in pairs.values()))


@transactional("catalog.rename_category")
def rename_category(category: Category, *, products: Sequence[ObjectId]) -> None:
    """Update those of the products that are in the category, and in no other."""
    changes = category_fields(category) | search_terms.with_category(category.name) | {"updated_at": timezone.now()}
    alone = Q(additional_categories=[]) | Q(additional_categories__isnull=True)
    if Product.objects.filter(alone, pk__in=products, category=category).update(**changes):
        record_all("product.updated", products)


# Fields of a :class:`Visibility`.
VISIBILITY_FIELDS = ("pk", "category", "is_active", "additional_categories", "category_lineage")


class Visibility(NamedTuple):
    """A product's fields that decide where it is counted."""

    pk: ObjectId
    category: ObjectId | None
    is_active: bool
    additional_categories: list[ObjectId] | None
    lineage: list[ObjectId] | None

    @property
    def counted(self) -> "Counted":
        return Counted(shared=self.lineage or []) if self.additional_categories else Counted(alone=self.category)


def set_active(products: Sequence[Visibility], *, is_active: bool, as_of: datetime) -> None:
    """Call it in a transaction.

    Writes ``edited_at`` also of those that stay as they are, so that a job of an earlier request skips them.
    """
    shared = [product.pk for product in products if product.additional_categories]
    alone = [product.pk for product in products if not product.additional_categories]
    changes = {"is_active": is_active, "updated_at": timezone.now(), "edited_at": as_of}
    Product.objects.filter(pk__in=alone).update(**changes, counted_in=F("category") if is_active else None)
    if shared:
        Product.objects.filter(pk__in=shared).update(**changes, shared_in=F("category_lineage") if is_active else [])
    changed = [product for product in products if product.is_active != is_active]
    _move_counts((Counted(), each.counted) if is_active else (each.counted, Counted()) for each in changed)
    record_all("product.updated", (product.pk for product in changed))


class Counted(NamedTuple):
    """The categories that count a product: one in ``active_products``, or several in ``shared_products``."""

    alone: ObjectId | None = None
    shared: Sequence[ObjectId] = ()


def _move_counts(moves: Iterable[tuple[Counted, Counted]]) -> None:
    """``moves`` are pairs of former and new categories."""
    numbers: Counter[tuple[ObjectId, str]] = Counter()
    for before, after in moves:
        for counted, number in ((before, -1), (after, 1)):
            if counted.alone:
                numbers[counted.alone, "active_products"] += number
            for pk in counted.shared:
                numbers[pk, "shared_products"] += number
    changes: defaultdict[ObjectId, dict[str, int]] = defaultdict(dict)
    for (pk, field), number in sorted(numbers.items()):
        if number:
            changes[pk][field] = number
    documents.bulk_write(Category, [UpdateOne({"_id": pk}, {"$inc": change}) for pk, change in changes.items()])


def add_to_rating(product_id: ObjectId, *, reviews: int, stars: int) -> None:
    """Call it in a transaction, because it reads, then writes."""
    product = Product.objects.get(pk=product_id)
    count, total = product.rating_count + reviews, product.rating_sum + stars
    Product.objects.filter(pk=product_id).update(
        rating_count=count,
        rating_sum=total,
        rating_average=rating_average(count, total),
        updated_at=timezone.now(),
    )
    record("product.updated", product_id)


def rating_average(count: int, total: int) -> Decimal | None:
    return (Decimal(total) / count).quantize(Decimal("0.01"), ROUND_HALF_UP) if count else None


def refresh_in_stock(product_ids: set[ObjectId]) -> None:
    """Write what depends on stock. Call it only if a variant sold out or came back: other sales must not conflict.

    ``stock_flips`` always changes, so that concurrent sales of the last units of two variants conflict.
    """
    if not product_ids:
        return
    variants = group_by_product(Variant.objects.filter(product__in=product_ids, is_active=True).order_by("id"))
    now = timezone.now()
    documents.bulk_write(
        Product,
        [
            UpdateOne(
                {"_id": pk}, {"$set": {**stock_fields(variants[pk]), "updated_at": now}, "$inc": {"stock_flips": 1}}
            )
            for pk in sorted(product_ids)
        ],
    )
    record_all("product.updated", sorted(product_ids))


def stock_fields(variants: Sequence[Variant]) -> dict[str, Any]:
    """``variants`` are the active ones by id."""
    return {"in_stock": any(variant.in_stock for variant in variants), "combinations": combinations(variants)}
