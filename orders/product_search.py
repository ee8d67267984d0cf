"""Variants that staff look for while they enter an order."""

from catalog.listing.suggestions import suggest
from catalog.models import Product, Variant
from catalog.offers import Offer, offers_of
from shop.admin.lists import in_order
from shop.db import identifiers

MOST_SHOWN = 15


def find_variants(text: str) -> list[Offer]:
    """Return active variants whose SKU begins with the text, then those of products that the search suggests."""
    if not text.strip():
        return []
    with_sku = in_order(Variant.objects.all(), "sku_key", identifiers.key(text))
    found = list(with_sku.values_list("pk", flat=True)[:MOST_SHOWN])
    slugs = [each["slug"] for each in suggest(text) if each["type"] == "product"]
    products = list(Product.objects.filter(slug__in=slugs).values_list("pk", flat=True)) if slugs else []
    if products:
        found += Variant.objects.filter(product__in=products, is_active=True).values_list("pk", flat=True)[:MOST_SHOWN]
    offered = offers_of(dict.fromkeys(found))
    wanted = [offered[pk] for pk in dict.fromkeys(found) if pk in offered]
    return [offer for offer in wanted if offer.is_active][:MOST_SHOWN]
