"""Product responses built from documents, with one command each; `catalog.serializers` describes their shapes."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any

from bson import Decimal128
from django.conf import settings

from catalog.models import Product, Variant
from shop.db import documents
from shop.db.documents import Document, Pipeline
from shop.media.urls import all_urls_of, urls_of
from shop.money import display, display_in_mongodb


def list_products(
    found: Pipeline, *, index: str | None, base_url: str, extra_fields: Mapping[str, Any], last_stages: Pipeline
) -> list[Document]:
    """Return list items with ``extra_fields``, then the documents of ``last_stages``; ``index`` is a hint."""
    shown = {"$project": {**_in_list(settings.CURRENCY), **extra_fields}}
    rows = documents.aggregate(Product, [*found, shown, *last_stages], index=index)
    url = urls_of("card", base_url=base_url)
    for row in rows:
        if "image" in row:
            row["image"] = url(row["image"])
    return rows


def get_product_detail(where: Mapping[str, Any], *, for_staff: bool, base_url: str) -> Document | None:
    """Staff also get inactive products and variants, and stock."""
    rows = documents.aggregate(Product, [{"$match": where}, _SHOWN, _WITH_VARIANTS])
    if not rows:
        return None
    try:
        return _detail(rows[0], for_staff=for_staff, base_url=base_url)
    except KeyError:
        # Documents of an older release.
        product = documents.with_defaults(Product, rows[0])
        product["variants"] = [documents.with_defaults(Variant, each) for each in product["variants"]]
        return _detail(product, for_staff=for_staff, base_url=base_url)


def _detail(product: Document, *, for_staff: bool, base_url: str) -> Document | None:
    if not (product["is_active"] or for_staff):
        return None
    variants = [each for each in product["variants"] if each["is_active"] or for_staff]
    urls, currency = all_urls_of(base_url=base_url), settings.CURRENCY
    pictures = [
        _picture(each["id"], urls(each["name"]), alt=each.get("alt", ""), position=position)
        for position, each in enumerate(product["pictures"])
    ]
    category = product["category_id"]
    return {
        "id": str(product["_id"]),
        "name": product["name"],
        "slug": product["slug"],
        "price": _amount(product["price"], currency),
        "compare_at_price": _amount(product["compare_at_price"], currency),
        "currency": currency,
        "in_stock": product["in_stock"],
        "image": pictures[0]["sizes"]["card"] if pictures else None,
        "rating": {"average": _number(product["rating_average"]), "count": product["rating_count"]},
        "category": category
        and {"id": str(category), "name": product["category_name"], "slug": product["category_slug"]},
        "description": product["description"],
        "images": pictures,
        "variants": [_variant(each, currency, for_staff) for each in sorted(variants, key=_place)],
        "attributes": product["attributes"],
        "is_active": product["is_active"],
        "created_at": _moment(product["created_at"]),
        "updated_at": _moment(product["updated_at"]),
    }


def picture(*, pk: Any, name: str, alt: str, position: int, base_url: str) -> dict[str, Any]:
    return _picture(pk, all_urls_of(base_url=base_url)(name), alt=alt, position=position)


def _picture(pk: Any, sizes: Mapping[str, str | None], *, alt: str, position: int) -> dict[str, Any]:
    return {
        "id": str(pk),
        "url": sizes["original"],
        "thumbnail": sizes["thumbnail"],
        "sizes": sizes,
        "alt": alt,
        "position": position,
    }


# --- List items -------------------------------------------------------------------------------------------------------


@cache
def _in_list(currency: str) -> dict[str, Any]:
    return {
        "_id": 0,
        "id": {"$toString": "$_id"},
        "name": "$name",
        "slug": "$slug",
        "price": display_in_mongodb({"$ifNull": ["$price", Decimal128("0")]}, currency),
        "compare_at_price": display_in_mongodb("$compare_at_price", currency),
        "currency": {"$literal": currency},
        # Missing in documents of an older release.
        "in_stock": {"$ifNull": ["$in_stock", False]},
        # Replaced later by its URL, which depends on the request's host.
        "image": {"$ifNull": [{"$first": "$pictures.name"}, None]},
        "rating": {"average": {"$toDouble": "$rating_average"}, "count": {"$ifNull": ["$rating_count", 0]}},
        "category": {
            "$cond": [
                "$category_id",
                {
                    "id": {"$toString": "$category_id"},
                    "name": {"$ifNull": ["$category_name", ""]},
                    "slug": {"$ifNull": ["$category_slug", ""]},
                },
                None,
            ]
        },
    }


# --- Details: for a single product, Python is faster than a projection ------------------------------------------------

_SHOWN = {"$unset": ["search_words", "search_beginnings", "sort_name", "attribute_pairs", "category_lineage"]}
_WITH_VARIANTS = {
    "$lookup": {
        "from": Variant._meta.db_table,
        "localField": "_id",
        "foreignField": "product_id",
        "as": "variants",
    }
}


def _variant(variant: Document, currency: str, for_staff: bool) -> Document:
    shown = {
        "id": str(variant["_id"]),
        "sku": variant["sku"],
        "options": variant["options"],
        "price": _amount(variant["price"], currency),
        "in_stock": variant["is_active"] and variant["stock"] > 0,
    }
    return {**shown, "stock": variant["stock"], "is_active": variant["is_active"]} if for_staff else shown


def _place(variant: Document) -> tuple[int, Any]:
    return variant["position"], variant["_id"]


def _number(stored: Decimal128 | None) -> float | None:
    return None if stored is None else float(documents.decimal_of(stored))


def _moment(stored: datetime) -> datetime:
    # The driver's datetimes are naive UTC.
    return stored.replace(tzinfo=UTC)


def _amount(stored: Decimal128 | None, currency: str) -> str | None:
    return None if stored is None else _shown(stored.bid, currency)


@lru_cache(maxsize=10_000)
def _shown(bid: bytes, currency: str) -> str:
    return display(Decimal128.from_bid(bid).to_decimal(), currency)
