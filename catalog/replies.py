"""Products as the API shows them, shaped by MongoDB: what comes back from the database is the reply.

This is the shop's one way past the serializers, for what shoppers read most. A projection names every field of the
reply and where in the document it comes from; all that is left to do here are addresses of pictures, which depend on
the host that was asked. `catalog.serializers` describes the same shapes to OpenAPI, and tests hold replies against it.
"""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from catalog.models import Product, Variant
from shop import documents
from shop.documents import Document, Pipeline
from shop.media import image_urls, urls_of
from shop.money import display_in_mongodb


def in_list(found: Pipeline, *, request: Any, also: Mapping[str, Any], behind: Pipeline) -> list[Document]:
    """Return the products that a pipeline finds as they stand in lists, in its order.

    ``also`` are more fields of each; what the stages ``behind`` add comes behind the products as it is.
    """
    rows = documents.aggregate(Product, [*found, {"$project": {**_in_list(), **also}}, *behind])
    url = urls_of("card", request=request)
    for row in rows:
        if "image" in row:
            row["image"] = url(row["image"])
    return rows


def in_detail(where: Mapping[str, Any], *, for_staff: bool, request: Any) -> Document | None:
    """Return the product that matches with everything, or None; staff see inactive ones, and more of the variants."""
    match = dict(where) if for_staff else {**where, "is_active": True}
    rows = documents.aggregate(Product, [{"$match": match}, _variants(for_staff), {"$project": _in_detail()}])
    if not rows:
        return None
    product = rows[0]
    url = urls_of("card", request=request)
    product["image"] = url(product["image"])
    product["images"] = [
        picture(pk=each["id"], name=each["name"], alt=each["alt"], position=position, request=request)
        for position, each in enumerate(product["images"])
    ]
    return product


def picture(*, pk: Any, name: str, alt: str, position: int, request: Any) -> dict[str, Any]:
    """Return a picture in the shape of `catalog.serializers.PictureSerializer`."""
    sizes = image_urls(name, request=request)
    return {
        "id": str(pk),
        "url": sizes["original"],
        "thumbnail": sizes["thumbnail"],
        "sizes": sizes,
        "alt": alt,
        "position": position,
    }


# --- The shapes -------------------------------------------------------------------------------------------------------


def _in_list() -> dict[str, Any]:
    return {
        "_id": 0,
        "id": {"$toString": "$_id"},
        "name": "$name",
        "slug": "$slug",
        "price": display_in_mongodb("$price"),
        "compare_at_price": display_in_mongodb("$compare_at_price"),
        "currency": {"$literal": settings.CURRENCY},
        "in_stock": "$in_stock",
        # The name of the first picture, for its address.
        "image": {"$ifNull": [{"$first": "$pictures.name"}, None]},
        "rating": {"average": {"$toDouble": "$rating_average"}, "count": "$rating_count"},
        "category": {
            "$cond": [
                "$category_id",
                {"id": {"$toString": "$category_id"}, "name": "$category_name", "slug": "$category_slug"},
                None,
            ]
        },
    }


def _in_detail() -> dict[str, Any]:
    return _in_list() | {
        "description": "$description",
        "images": "$pictures",
        "variants": "$variants",
        "attributes": "$attributes",
        "is_active": "$is_active",
        "created_at": _moment("$created_at"),
        "updated_at": _moment("$updated_at"),
    }


def _variants(for_staff: bool) -> dict[str, Any]:
    shape = {
        "_id": 0,
        "id": {"$toString": "$_id"},
        "sku": "$sku",
        "options": "$options",
        "price": display_in_mongodb("$price"),
        "in_stock": {"$and": ["$is_active", {"$gt": ["$stock", 0]}]},
    }
    if for_staff:
        shape |= {"stock": "$stock", "is_active": "$is_active"}
    return {
        "$lookup": {
            "from": Variant._meta.db_table,
            "localField": "_id",
            "foreignField": "product_id",
            "pipeline": [
                *([] if for_staff else [{"$match": {"is_active": True}}]),
                {"$sort": {"position": 1, "_id": 1}},
                {"$project": shape},
            ],
            "as": "variants",
        }
    }


def _moment(field: str) -> dict[str, Any]:
    return {"$dateToString": {"date": field, "format": "%Y-%m-%dT%H:%M:%S.%LZ"}}
