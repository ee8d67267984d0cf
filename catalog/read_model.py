"""What shoppers read of a product, written when staff write.

Every change to a product, its variants or its pictures ends, in the same transaction, in :func:`refresh`. Two changes
at once conflict on the product's document, and the later one is run again: the read model never lags behind.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from bson import ObjectId
from django.db.models import QuerySet
from django.utils import timezone
from pymongo import UpdateOne

from catalog.models import Category, Product, ProductImage, Variant
from shop.bulk import update_rows, write


def refresh(*product_ids: ObjectId) -> None:
    """Write the read model of products from their categories, variants and pictures. Call it inside the transaction.

    Raises ``Product.DoesNotExist`` where one of them is gone.
    """
    products = {product.pk: product for product in Product.objects.filter(pk__in=product_ids)}
    if len(products) < len(set(product_ids)):
        raise Product.DoesNotExist
    category_ids = {product.category_id for product in products.values()} - {None}
    categories = Category.objects.in_bulk(category_ids) if category_ids else {}
    touched = {
        product.category_id
        for product in products.values()
        if product.category_id and product.category_lineage != categories[product.category_id].lineage
    }
    if touched:
        Category.objects.filter(pk__in=touched).touch()
    variants = by_product(Variant.objects.filter(product__in=products, is_active=True).order_by("id"))
    images = by_product(ProductImage.objects.filter(product__in=products).order_by("position", "id"))
    now = timezone.now()
    changes = {
        pk: fields(product, category=categories.get(product.category_id), variants=variants[pk], images=images[pk])
        for pk, product in products.items()
    }
    update_rows(Product, {pk: {**change, "updated_at": now} for pk, change in changes.items()})


def by_product(rows: QuerySet) -> dict[ObjectId, list]:
    """Return variants or pictures in lists, one for each product; empty for products that have none."""
    grouped = defaultdict(list)
    for row in rows.iterator():
        grouped[row.product_id].append(row)
    return grouped


def fields(
    product: Product, *, category: Category | None, variants: Iterable[Variant], images: Iterable[ProductImage]
) -> dict[str, Any]:
    """Return what the product carries of its category, its active variants and its pictures in order."""
    variants = list(variants)
    return {
        **category_fields(category),
        "attribute_pairs": attribute_pairs(product.attributes),
        # Without an active variant there is nothing to buy, and the last price is as good as any.
        "price": min((variant.price for variant in variants), default=product.price),
        "in_stock": any(variant.in_stock for variant in variants),
        "pictures": [{"id": str(image.pk), "name": image.name, "alt": image.alt} for image in images],
    }


def category_fields(category: Category | None) -> dict:
    """Return what a product carries of its category."""
    return {
        "category_name": category.name if category else "",
        "category_slug": category.slug if category else "",
        "category_lineage": category.lineage if category else [],
    }


def attribute_pairs(attributes: dict[str, str]) -> list[str]:
    """Return the attributes in the form in which products are filtered by them."""
    return sorted(f"{name}={value}" for name, value in attributes.items())


def refresh_in_stock(product_ids: set[ObjectId]) -> None:
    """Write ``in_stock`` of products of which a variant just sold out or came back.

    Called for those only, so that selling does not fight over the product. ``stock_flips`` counts the calls: without
    a change to the document, two transactions that each sell a different last variant would not notice each other.
    """
    available = set(
        Variant.objects.filter(product__in=product_ids, is_active=True, stock__gt=0).values_list("product", flat=True)
    )
    write(
        Product,
        [
            UpdateOne({"_id": pk}, {"$set": {"in_stock": pk in available}, "$inc": {"stock_flips": 1}})
            for pk in sorted(product_ids)
        ],
    )
