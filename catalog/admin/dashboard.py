from collections.abc import Iterator

from django.conf import settings
from django.db.models import prefetch_related_objects

from catalog import statistics
from catalog.models import Variant
from shop.admin.dashboard import Figure, Panel, on_dashboard
from shop.admin.html import badge, list_url, thumbnail

ROWS = 6


@on_dashboard("catalog.variant")
def low_stock() -> Iterator[Figure | Panel]:
    found = statistics.low_stock()
    sold_out = sum(variant.stock <= 0 for variant in found)
    few = f"fewer than {settings.LOW_STOCK_THRESHOLD} units"
    yield Figure(
        30,
        "Low stock",
        f"{len(found)}+" if len(found) >= statistics.LONGEST_LIST else str(len(found)),
        list_url("catalog.variant", stock="reorder"),
        f"{few}, {sold_out} sold out" if sold_out else few,
    )
    shown = found[:ROWS]
    prefetch_related_objects(shown, "product")
    yield Panel(
        120,
        "Low stock",
        "admin/dashboard/low_stock.html",
        {"rows": [_row(variant) for variant in shown]},
        note=f"Active variants with {few}.",
    )


def _left(stock: int) -> str:
    if stock < 0:
        return badge(f"{-stock} owed", "warning")
    return badge(f"{stock} left", "warning") if stock else badge("Sold out", "danger")


def _row(variant: Variant) -> dict:
    pictures = variant.product.pictures
    return {
        "variant": variant,
        "thumbnail": thumbnail(pictures[0]["name"] if pictures else ""),
        "left": _left(variant.stock),
    }
