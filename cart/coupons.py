"""Coupons: who may use one, and the count of their uses."""

from bson import ObjectId
from django.db.models import F, Q
from django.utils import timezone

from accounts.models import User
from cart.errors import InvalidCoupon
from cart.models import Coupon, CouponUse
from cart.pricing import PricedCart
from shop.money import display


def find(code: str) -> Coupon | None:
    return Coupon.objects.filter(code=code.strip().upper()).first()


def check(coupon: Coupon | None, *, priced: PricedCart, user: User | None) -> Coupon:
    """Return the coupon if this user may use it for this cart now; raise :class:`InvalidCoupon` saying why not."""
    now = timezone.now()
    if coupon is None or not coupon.is_active:
        raise InvalidCoupon("There is no such coupon.", attr="code")
    if coupon.valid_from and now < coupon.valid_from:
        raise InvalidCoupon("This coupon is not valid yet.", attr="code")
    if coupon.valid_until and now >= coupon.valid_until:
        raise InvalidCoupon("This coupon has expired.", attr="code")
    if priced.subtotal < coupon.minimum_subtotal:
        raise InvalidCoupon(f"This coupon needs a cart of {display(coupon.minimum_subtotal)} or more.", attr="code")
    if coupon.usage_limit is not None and coupon.used >= coupon.usage_limit:
        raise InvalidCoupon("This coupon has been used up.", attr="code")
    if coupon.usage_limit_per_user is not None and user is not None:
        uses = CouponUse.objects.filter(coupon=coupon, user=user).count()
        if uses >= coupon.usage_limit_per_user:
            raise InvalidCoupon("You have used this coupon as often as it allows.", attr="code")
    return coupon


def apply(priced: PricedCart, *, user: User | None) -> InvalidCoupon | None:
    """Take the discount of the cart's coupon off; where it cannot be used any more, leave it and return why."""
    if not priced.cart.coupon:
        return None
    try:
        priced.apply(check(find(priced.cart.coupon), priced=priced, user=user))
    except InvalidCoupon as error:
        return error
    return None


def redeem(coupon: Coupon, *, user: User, order_number: str) -> None:
    """Count one use, inside the transaction that places the order. Raises :class:`InvalidCoupon` where none is left.

    The total is guarded here; the limit per user by the user's one cart, which every order of theirs must claim.
    """
    left = Q(usage_limit=None) | Q(used__lt=F("usage_limit"))
    if not Coupon.objects.filter(left, pk=coupon.pk).update(used=F("used") + 1):
        raise InvalidCoupon("This coupon has been used up.", attr="code")
    CouponUse.objects.create(coupon=coupon, user=user, order_number=order_number)


def give_back(*, order_number: str) -> None:
    """Take a use back, inside the transaction that cancels the order."""
    used: list[ObjectId] = list(CouponUse.objects.filter(order_number=order_number).values_list("coupon", flat=True))
    for coupon in used:
        Coupon.objects.filter(pk=coupon, used__gt=0).update(used=F("used") - 1)
    CouponUse.objects.filter(order_number=order_number).delete()
