from django.utils.text import slugify

from catalog.text import in_ascii
from shop.db import identifiers


def brand_slug(brand: str) -> str:
    """Return what products of a brand are found by: brands with equal slugs are one, however they are written."""
    return (slugify(in_ascii(brand)) or identifiers.key(brand).replace(" ", "-"))[:140]
