from collections import Counter
from collections.abc import Sequence

from bson import ObjectId
from django.db.models import F, Q
from django.utils.crypto import salted_hmac

from cart.errors import CouponMinimumNotReached, InvalidCoupon
from cart.models import Coupon, CouponUse
from cart.owners import CartOwner
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


_LIMIT_PER_CUSTOMER_REACHED = "You have reached the usage limit of this coupon."


def unusable_reason(coupon: Coupon | None) -> str:
    """Return why no user can use the coupon now, or ""."""
    return _UNUSABLE.get(coupon.state if coupon else Coupon.State.INACTIVE, "")


def has_uses_left(coupon: Coupon, *, owner: CartOwner) -> bool:
    """Guests always have, until :func:`redeem` counts the uses by e-mail address: a quote must not reveal them."""
    if coupon.usage_limit_per_user is None or owner.user is None:
        return True
    return CouponUse.objects.filter(coupon=coupon, user=owner.user).count() < coupon.usage_limit_per_user


def check(coupon: Coupon | None, *, priced: PricedCart, owner: CartOwner) -> Coupon:
    """Raises ``InvalidCoupon``, which reveals that the code exists: pass only the cart's coupon."""
    reason = unusable_reason(coupon)
    if reason or coupon is None:
        raise InvalidCoupon(reason, attr="code")
    if priced.subtotal < coupon.minimum_subtotal:
        minimum = f"This coupon requires a cart of at least {display(coupon.minimum_subtotal)}."
        raise CouponMinimumNotReached(minimum, attr="code")
    if not has_uses_left(coupon, owner=owner):
        raise InvalidCoupon(_LIMIT_PER_CUSTOMER_REACHED, attr="code")
    return coupon


def try_apply(priced: PricedCart, *, owner: CartOwner) -> InvalidCoupon | None:
    """Apply the cart's coupon, or return why it is unusable."""
    if not priced.cart.coupon:
        return None
    try:
        priced.apply_coupon(check(find(priced.cart.coupon), priced=priced, owner=owner))
    except InvalidCoupon as error:
        return error
    return None


def redeem(coupon: Coupon, *, owner: CartOwner, email: str, order_number: str) -> None:
    """Count one use, in the order's transaction. Raises ``InvalidCoupon``.

    The limit per customer holds because all orders of a user write the same cart, and guests with the same address
    take numbered uses.
    """
    use = CouponUse(coupon=coupon, user=owner.user, email_digest=email_digest(email), order_number=order_number)
    if owner.user is None and coupon.usage_limit_per_user is not None:
        use.number = _next_number(use, limit=coupon.usage_limit_per_user)
    queue_for([coupon.pk])
    left = Q(usage_limit=None) | Q(used__lt=F("usage_limit"))
    if not Coupon.objects.filter(left, pk=coupon.pk).update(used=F("used") + 1):
        raise InvalidCoupon("This coupon has reached its usage limit.", attr="code")
    use.save(force_insert=True)


def email_digest(email: str) -> str:
    """Return a keyed digest of a normalized address."""
    return salted_hmac("cart.coupons", email, algorithm="sha256").hexdigest()


def _next_number(use: CouponUse, *, limit: int) -> int:
    uses = CouponUse.objects.filter(email_digest=use.email_digest, coupon=use.coupon)
    numbers = list(uses.values_list("number", flat=True)[:limit])
    if len(numbers) >= limit:
        raise InvalidCoupon(_LIMIT_PER_CUSTOMER_REACHED, attr="code")
    return next(number for number in range(limit) if number not in numbers)


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
