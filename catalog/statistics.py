"""Catalogue figures of the dashboard."""

from django.conf import settings

from catalog.models import Product, Variant

# Maximum length of a useful list.
LONGEST_LIST = 500


def low_stock() -> list[Variant]:
    """Return active variants with less than ``LOW_STOCK_THRESHOLD`` in stock, lowest first.

    Limited to ``LONGEST_LIST``, and served by the index on stock.
    """
    rows = Variant.objects.active().filter(stock__lt=settings.LOW_STOCK_THRESHOLD).order_by("stock")
    rows = list(rows[:LONGEST_LIST])
    products = {row.product_id for row in rows}
    for_sale = set(Product.objects.active().filter(pk__in=products).values_list("pk", flat=True))
    return [row for row in rows if row.product_id in for_sale]
