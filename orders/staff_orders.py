"""Orders that staff enter for a customer, by telephone for example.

They are placed from a cart of their own, so that prices, promotions, shipping and taxes are those of any order.
"""

from collections.abc import Mapping
from decimal import Decimal

from bson import ObjectId

from accounts.models import User
from cart import services as carts
from cart.errors import CartChanged, EmptyCart
from cart.models import Cart
from cart.owners import CartOwner
from catalog.errors import OutOfStock
from orders import placing
from orders.models import Order, PostalAddress


def owner_of(*, email: str, token: str | None) -> CartOwner:
    """Return the owner of a draft: the account with the address, or a guest."""
    account = User.objects.active().filter(email=email).first() if email else None
    return CartOwner(user=account, token=token, is_draft=True)


def fill_draft(*, owner: CartOwner, quantities: Mapping[ObjectId, int], coupon: str) -> Cart:
    """Replace the items and the coupon; sets the token of a new draft.

    Raises ``ProductUnavailable``, ``TooManyUnits``, ``OutOfStock``, ``CartFull``, ``InvalidCoupon``.
    """
    known = owner.find().cart
    others = {line.variant: 0 for line in known.lines} if known else {}
    priced = carts.set_quantities(owner=owner, quantities={**others, **quantities})
    if coupon:
        priced = carts.apply_coupon(owner=owner, code=coupon)
    elif priced.cart.coupon:
        priced = carts.remove_coupon(owner=owner)
    return priced.cart


def place_draft(
    *,
    owner: CartOwner,
    email: str,
    address: PostalAddress,
    billing_address: PostalAddress,
    shipping_method: str | None,
    note: str,
    expected_total: Decimal,
) -> Order:
    """Return the order of the draft, the same if it is placed again. Raises the errors of ``place_order``."""
    try:
        return placing.place_order(
            owner=owner,
            email=email,
            address=address,
            billing_address=billing_address,
            shipping_method=shipping_method,
            note=note,
            expected_total=expected_total,
            by_staff=True,
        )
    except (EmptyCart, CartChanged, OutOfStock):
        # A form that was sent twice: the first one has emptied the cart.
        cart = owner.find().cart
        is_placed = cart is not None and not cart.lines
        placed = Order.objects.filter(cart=cart.pk).order_by("-cart_revision").first() if cart and is_placed else None
        if placed is None:
            raise
        return placed
