from collections.abc import Iterator

from django.db.models import Count

from cart.models import Coupon, CouponUse
from shop.audit import Window, invariant_over


@invariant_over(Coupon, "a coupon's count is the number of its uses, and within its limit")
def coupons_are_counted(coupons: Window[Coupon]) -> Iterator[str]:
    uses = CouponUse.objects.filter(coupon__in=[coupon.pk for coupon in coupons]).order_by()
    numbers = dict(uses.values_list("coupon").annotate(total=Count("id")))
    for coupon in coupons:
        counted = numbers.get(coupon.pk, 0)
        if coupon.used != counted:
            yield f"{coupon.code} counts {coupon.used} uses, but has {counted}"
        if coupon.usage_limit is not None and counted > coupon.usage_limit:
            yield f"{coupon.code} was used {counted} times, its limit is {coupon.usage_limit}"
