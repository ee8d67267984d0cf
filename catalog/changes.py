from typing import Any

from catalog.listing.replies import get_product_detail
from catalog.listing.variants import get_variant
from catalog.models import Variant
from shop import changes
from shop.api.object_ids import parse_object_id
from shop.db import documents


def register() -> None:
    changes.register(
        changes.Kind(
            name="product",
            permission="catalog.view_product",
            events={
                "created": "A product was added.",
                "updated": "The product, its variants, images, prices, rating, category or availability have changed.",
                "deleted": "It was deleted.",
            },
            show=show_product,
            path="products/{id}/",
        )
    )
    changes.register(
        changes.Kind(
            name="stock",
            permission="catalog.view_variant",
            events={"changed": "The stock of a variant has changed: sold, returned, counted, received or imported."},
            show=show_stock,
            path="variants/{id}/",
        )
    )


def show_product(object_id: str, parent: str) -> dict[str, Any] | None:
    return get_product_detail({"_id": parse_object_id(object_id)}, for_staff=True, base_url="")


def show_stock(object_id: str, parent: str) -> dict[str, Any] | None:
    variant = documents.find_one(Variant, {"_id": parse_object_id(object_id)})
    return None if variant is None else {"product": str(variant.product_id), **get_variant(variant.pk, base_url="")}
