from collections.abc import Collection, Sequence

from cart.promotions import uses
from cart.promotions.models import Promotion, PromotionUse
from shop.db import documents
from shop.db.transactions import transactional


@transactional("cart.edit_promotion")
def save_promotion(*, promotion: Promotion, changed: Collection[str]) -> None:
    """Write a new promotion, or its changed fields. Raises ``UsageLimitTooLow``."""
    if promotion._state.adding:
        promotion.save(force_insert=True)
        return
    if "usage_limit" in changed:
        uses.fit_to_limit(promotion_id=promotion.pk, limit=promotion.usage_limit)
    columns = {field.name for field in promotion._meta.concrete_fields if not field.primary_key}
    if written := columns.intersection(changed):
        promotion.save(update_fields=written)


def use_of_promotion(promotion: Promotion) -> str:
    """Return why it cannot be deleted, or ""."""
    used = PromotionUse.objects.filter(promotion=promotion.pk).taken().exists()
    return f"Orders were placed with {promotion}. Deactivate it instead." if used else ""


def set_free_uses(promotions: Sequence[Promotion]) -> None:
    """Set ``free_uses`` and ``has_free_use`` by one command."""
    match = {"coupon_id": {"$in": [each.pk for each in promotions]}, "order_number": ""}
    count = {"$group": {"_id": "$coupon_id", "free": {"$sum": 1}}}
    rows = documents.aggregate(PromotionUse, [{"$match": match}, count]) if promotions else []
    free = {row["_id"]: row["free"] for row in rows}
    for each in promotions:
        each.free_uses = free.get(each.pk, 0)
        each.has_free_use = each.free_uses > 0
