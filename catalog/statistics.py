from django.conf import settings

from catalog.availability import StockPolicy
from catalog.models import Product, Variant

LONGEST_LIST = 500


def low_stock() -> list[Variant]:
    """Return at most ``LONGEST_LIST`` variants, lowest stock first, whose stock matters."""
    few = Variant.objects.active().filter(stock__lt=settings.LOW_STOCK_THRESHOLD)
    rows = list(few.exclude(stock_policy=StockPolicy.UNTRACKED).order_by("stock")[:LONGEST_LIST])
    products = {row.product_id for row in rows}
    for_sale = set(Product.objects.active().filter(pk__in=products).values_list("pk", flat=True))
    return [row for row in rows if row.product_id in for_sale]
