"""Lists are sorted and filtered by a stored price, which follows the sale prices of variants."""

from collections.abc import Sequence

from bson import ObjectId
from django.db.models import QuerySet
from django.utils import timezone

from catalog import read_model
from catalog.models import NO_TIME, Product
from shop import jobs
from shop.db.transactions import transactional
from shop.jobs import Cursor, TimeLimit

_TOGETHER = 50


@jobs.every_in_slices(5, name="catalog.due_prices")
def store_due_prices(cursor: Cursor) -> Cursor:
    limit = TimeLimit()
    while due := list(_due().order_by("next_price_at").values_list("pk", flat=True)[:_TOGETHER]):
        _store(due)
        if limit.is_over:
            return {"more": True}
    return None


@transactional("catalog.store_due_prices")
def _store(products: Sequence[ObjectId]) -> None:
    """Another worker may have done it, or the product may be deleted."""
    if left := list(_due().filter(pk__in=products).values_list("pk", flat=True)):
        read_model.refresh(*left)


def _due() -> QuerySet[Product]:
    return Product.objects.filter(next_price_at__gt=NO_TIME, next_price_at__lte=timezone.now())
