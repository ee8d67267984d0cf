from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Count
from django.utils import timezone

from cart.promotions.models import Promotion, PromotionUse
from shop.audit import Window, invariant_over

# A reservation lasts for a minute.
RESERVED_TOO_LONG = timedelta(hours=1)


@invariant_over(Promotion, "a promotion's count is the number of its uses, free ones included, and within its limit")
def promotions_are_counted(promotions: Window[Promotion]) -> Iterator[str]:
    uses = PromotionUse.objects.filter(promotion__in=[promotion.pk for promotion in promotions]).order_by()
    numbers = dict(uses.values_list("promotion").annotate(total=Count("id")))
    for promotion in promotions:
        counted = numbers.get(promotion.pk, 0)
        if promotion.used != counted:
            yield f"{promotion} counts {promotion.used} uses, but has {counted}"
        if promotion.usage_limit is not None and counted > promotion.usage_limit:
            yield f"{promotion} has {counted} uses, its limit is {promotion.usage_limit}"


@invariant_over(PromotionUse, "a use is reserved only while its order is placed")
def reservations_end(uses: Window[PromotionUse]) -> Iterator[str]:
    late = timezone.now() - RESERVED_TOO_LONG
    for use in uses:
        if use.reserved_at is not None and use.reserved_at < late:
            yield f"{use.promotion_id} is reserved for {use.order_number} since {use.reserved_at}"
