"""Prices of products in replies."""

from collections.abc import Sequence

from bson import ObjectId
from django.conf import settings
from django.utils import timezone

from catalog.listing.variants import WITH_VARIANTS, price_text, stored_price
from catalog.models import Product
from catalog.sales import PricePlan, prices_at
from shop.db import documents
from shop.db.documents import Document

_PRICES_ONLY = {"$project": {"price": 1, "compare_at_price": 1}}


def stored_prices(product: Document, currency: str) -> Document:
    """Return the prices of a list item; see :func:`correct_prices`."""
    lowest, former = stored_price(product["price"], currency), product["compare_at_price"]
    return {
        "price": lowest,
        "price_min": lowest,
        "price_max": stored_price(product["price_max"], currency),
        "compare_at_price": stored_price(product["regular_price"] if former is None else former, currency),
    }


def current_prices(product: Document, active: Sequence[Document]) -> Document:
    """Return the prices at this moment; the stored ones may lag by a few seconds."""
    currency, former = settings.CURRENCY, product["compare_at_price"]
    found = prices_at(timezone.now(), [PricePlan.of_document(variant) for variant in active])
    if found is None:
        stored = stored_price(product["price"], currency)
        prices = {"price": stored, "price_min": stored, "price_max": stored}
        return {**prices, "compare_at_price": stored_price(former, currency), "lowest_price_30_days": None}
    lowest = price_text(found.lowest, currency)
    reduced = "lowest_before_sale" if found.regular is not None else "lowest_before_price" if former else None
    regular = None if found.regular is None else price_text(found.regular, currency)
    return {
        "price": lowest,
        "price_min": lowest,
        "price_max": price_text(found.highest, currency),
        "compare_at_price": stored_price(former, currency) or regular,
        "lowest_price_30_days": stored_price(active[found.cheapest].get(reduced), currency) if reduced else None,
    }


def correct_prices(items: list[Document]) -> None:
    """Replace stored prices that a sale's start or end has made outdated; the worker stores the new ones soon."""
    if not items:
        return
    ids = [ObjectId(item["id"]) for item in items]
    related = [{"$match": {"_id": {"$in": ids}}}, _PRICES_ONLY, WITH_VARIANTS]
    products = {product["_id"]: product for product in documents.aggregate(Product, related)}
    for item in items:
        if product := products.get(ObjectId(item["id"])):
            active = [variant for variant in product["variants"] if variant.get("is_active", True)]
            prices = current_prices(documents.with_defaults(Product, product), active)
            item.update({name: prices[name] for name in ("price", "price_min", "price_max", "compare_at_price")})
