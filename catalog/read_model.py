"""Each change to a product, its variants or pictures must end with :func:`refresh`.

Concurrent changes conflict on the product's document and are retried.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from bson import ObjectId
from django.db.models import F
from django.utils import timezone
from pymongo import UpdateOne

from catalog import search_terms
from catalog.models import Category, Product, ProductImage, Variant
from catalog.options import combinations, option_fields
from shop.db import documents, identifiers


def refresh(*product_ids: ObjectId) -> bool:
    """Write the read model, in the change's transaction; return whether that removed a too low compare-at price.
    Raises ``Product.DoesNotExist``.
    """
    products = {product.pk: product for product in Product.objects.filter(pk__in=product_ids)}
    if len(products) < len(set(product_ids)):
        raise Product.DoesNotExist
    in_category = [product for product in products.values() if product.category_id]
    categories = Category.objects.in_bulk({product.category_id for product in in_category})
    moved = {row.category_id for row in in_category if row.category_lineage != categories[row.category_id].lineage}
    Category.objects.filter(pk__in=moved).bump_revision()
    variants = group_by_product(Variant.objects.filter(product__in=products, is_active=True).order_by("id"))
    images = group_by_product(ProductImage.objects.filter(product__in=products).order_by("position", "id"))
    changes = {
        pk: fields(product, category=categories.get(product.category_id), variants=variants[pk], images=images[pk])
        for pk, product in products.items()
    }
    _move_counts([(product.counted_in, changes[pk]["counted_in"]) for pk, product in products.items()])
    now = timezone.now()
    documents.update_rows(Product, {pk: {**change, "updated_at": now} for pk, change in changes.items()})
    return any(products[pk].compare_at_price != change["compare_at_price"] for pk, change in changes.items())


def group_by_product(rows: Iterable[Variant | ProductImage]) -> dict[ObjectId, list]:
    grouped = defaultdict(list)
    for row in rows:
        grouped[row.product_id].append(row)
    return grouped


def uncount(product: Product) -> None:
    """Remove a product that is about to be deleted from its category's count."""
    _move_counts([(product.counted_in, None)])


def fields(
    product: Product, *, category: Category | None, variants: Sequence[Variant], images: Sequence[ProductImage]
) -> dict[str, Any]:
    """``variants`` are the active ones."""
    # Without active variants, keep the last price.
    price = min((variant.price for variant in variants), default=product.price)
    former = product.compare_at_price
    return {
        **category_fields(category),
        "counted_in": category.pk if category and product.is_active else None,
        "sort_name": search_terms.sort_name(product.name),
        **search_terms.product_fields(
            name=product.name,
            description=product.description,
            category=category.name if category else "",
            values=searched_values(product.attributes, [variant.options for variant in variants]),
            skus=[variant.sku for variant in variants],
        ),
        "attribute_pairs": sorted(attribute_pair(name, value) for name, value in product.attributes.items()),
        **option_fields(product.option_order, variants),
        "price": price,
        "price_max": max((variant.price for variant in variants), default=price),
        "compare_at_price": former if former is not None and former > price else None,
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


def rename_category(category: Category, *, products: Sequence[ObjectId]) -> None:
    """Update those of the products that are in the category."""
    changes = category_fields(category) | search_terms.with_category(category.name)
    Product.objects.filter(pk__in=products, category=category).update(**changes)


def set_active(
    products: Sequence[tuple[ObjectId, ObjectId | None, bool]], *, is_active: bool, updated_at: datetime
) -> None:
    """``products`` are given with their categories and ``is_active``. Call it in a transaction.

    Writes ``updated_at`` also of those that stay as they are, so that a job of an earlier request skips them.
    """
    Product.objects.filter(pk__in=[pk for pk, *_ in products]).update(
        is_active=is_active, counted_in=F("category") if is_active else None, updated_at=updated_at
    )
    changed = [category for _, category, was_active in products if was_active != is_active]
    _move_counts([(None, category) if is_active else (category, None) for category in changed])


def _move_counts(moves: Sequence[tuple[ObjectId | None, ObjectId | None]]) -> None:
    """``moves`` are pairs of former and new category."""
    numbers = Counter(after for _, after in moves)
    numbers.subtract(before for before, _ in moves)
    for category, number in numbers.items():
        if category and number:
            Category.objects.filter(pk=category).update(active_products=F("active_products") + number)


def add_to_rating(product_id: ObjectId, *, reviews: int, stars: int) -> None:
    """Call it in a transaction, because it reads, then writes."""
    product = Product.objects.get(pk=product_id)
    count, total = product.rating_count + reviews, product.rating_sum + stars
    Product.objects.filter(pk=product_id).update(
        rating_count=count, rating_sum=total, rating_average=rating_average(count, total)
    )


def rating_average(count: int, total: int) -> Decimal | None:
    return (Decimal(total) / count).quantize(Decimal("0.01"), ROUND_HALF_UP) if count else None


def refresh_in_stock(product_ids: set[ObjectId]) -> None:
    """Write what depends on stock. Call it only if a variant sold out or came back: other sales must not conflict.

    ``stock_flips`` always changes, so that concurrent sales of the last units of two variants conflict.
    """
    if not product_ids:
        return
    variants = group_by_product(Variant.objects.filter(product__in=product_ids, is_active=True).order_by("id"))
    documents.bulk_write(
        Product,
        [
            UpdateOne({"_id": pk}, {"$set": stock_fields(variants[pk]), "$inc": {"stock_flips": 1}})
            for pk in sorted(product_ids)
        ],
    )


def stock_fields(variants: Sequence[Variant]) -> dict[str, Any]:
    """``variants`` are the active ones by id."""
    return {"in_stock": any(variant.in_stock for variant in variants), "combinations": combinations(variants)}
