from collections import Counter
from collections.abc import Sequence

from bson import ObjectId
from django.db.models import F, Q

from accounts.models import User
from cart.errors import CouponMinimumNotReached, InvalidCoupon
from cart.models import Coupon, CouponUse
from cart.pricing import PricedCart
from shop.db.transactions import queue_for
from shop.money import display


def find(code: str) -> Coupon | None:
    return Coupon.objects.filter(code=code).first()


_UNUSABLE = {
    Coupon.State.INACTIVE: "This coupon does not exist.",
    Coupon.State.SCHEDULED: "This coupon is not valid yet.",
    Coupon.State.EXPIRED: "This coupon has expired.",
    Coupon.State.LIMIT_REACHED: "This coupon has reached its usage limit.",
}


def unusable_reason(coupon: Coupon | None) -> str:
    """Return why no user can use the coupon now, or ""."""
    return _UNUSABLE.get(coupon.state if coupon else Coupon.State.INACTIVE, "")


def has_uses_left(coupon: Coupon, *, user: User | None) -> bool:
    if coupon.usage_limit_per_user is None or user is None:
        return True
    return CouponUse.objects.filter(coupon=coupon, user=user).count() < coupon.usage_limit_per_user


def check(coupon: Coupon | None, *, priced: PricedCart, user: User | None) -> Coupon:
    """Raises ``InvalidCoupon``, which reveals that the code exists: pass only the cart's coupon."""
    reason = unusable_reason(coupon)
    if reason or coupon is None:
        raise InvalidCoupon(reason, attr="code")
    if priced.subtotal < coupon.minimum_subtotal:
        minimum = f"This coupon requires a cart of at least {display(coupon.minimum_subtotal)}."
        raise CouponMinimumNotReached(minimum, attr="code")
    if not has_uses_left(coupon, user=user):
        raise InvalidCoupon("You have reached the usage limit of this coupon.", attr="code")
    return coupon


def try_apply(priced: PricedCart, *, user: User | None) -> InvalidCoupon | None:
    """Apply the cart's coupon, or return why it is unusable."""
    if not priced.cart.coupon:
        return None
    try:
        priced.apply_coupon(check(find(priced.cart.coupon), priced=priced, user=user))
    except InvalidCoupon as error:
        return error
    return None


def redeem(coupon: Coupon, *, user: User, order_number: str) -> None:
    """Count one use, in the order's transaction. Raises ``InvalidCoupon``.

    The limit per user holds because all orders of a user write the same cart.
    """
    queue_for([coupon.pk])
    left = Q(usage_limit=None) | Q(used__lt=F("usage_limit"))
    if not Coupon.objects.filter(left, pk=coupon.pk).update(used=F("used") + 1):
        raise InvalidCoupon("This coupon has reached its usage limit.", attr="code")
    CouponUse.objects.create(coupon=coupon, user=user, order_number=order_number)


def release(*, order_numbers: Sequence[str]) -> None:
    """Revert the uses. Call it in a transaction."""
    uses = CouponUse.objects.filter(order_number__in=order_numbers)
    used: Counter[ObjectId] = Counter(uses.values_list("coupon", flat=True))
    if not used:
        return
    queue_for(used)
    for coupon in sorted(used):
        Coupon.objects.filter(pk=coupon, used__gte=used[coupon]).update(used=F("used") - used[coupon])
    uses.delete()
