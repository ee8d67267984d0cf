from collections.abc import Iterator

from django.db.models import Count

from cart.models import Coupon, CouponUse
from shop.audit import invariant


@invariant("a coupon's count is the number of its uses, and within its limit")
def coupons_are_counted() -> Iterator[str]:
    uses = dict(CouponUse.objects.order_by().values_list("coupon").annotate(total=Count("id")))
    for coupon in Coupon.objects.iterator():
        counted = uses.get(coupon.pk, 0)
        if coupon.used != counted:
            yield f"{coupon.code} counts {coupon.used} uses, but has {counted}"
        if coupon.usage_limit is not None and counted > coupon.usage_limit:
            yield f"{coupon.code} was used {counted} times, its limit is {coupon.usage_limit}"
