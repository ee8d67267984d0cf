"""The verbs of a cart. Each is one conditional write of one document, repeated where somebody else was faster."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from bson import ObjectId
from django.conf import settings
from django.db import IntegrityError
from django.http import Http404
from django.utils import timezone
from rest_framework.request import Request

from accounts.models import User
from accounts.services import require_account
from cart import coupons
from cart.errors import CartFull, InvalidCoupon, ProductUnavailable
from cart.models import Cart, CartLine, new_token, token_digest
from cart.pricing import price_lines
from catalog.errors import OutOfStock, VariantRequired
from catalog.models import Product, Variant
from shop import jobs
from shop.errors import ServiceUnavailable
from shop.transactions import transactional

TOKEN_HEADER = "X-Cart-Token"  # noqa: S105
ATTEMPTS = 50
GUEST_CARTS_KEPT = timedelta(days=30)


class CartContention(ServiceUnavailable):
    default_code = "too_much_contention"


@dataclass
class CartOwner:
    """Whose cart it is: a user's, or that of the guest who holds ``token`` (None before the first change)."""

    user: User | None = None
    token: str | None = None

    @classmethod
    def of(cls, request: Request) -> "CartOwner":
        if request.user.is_authenticated:
            return cls(user=request.user)
        return cls(token=request.headers.get(TOKEN_HEADER) or None)

    def find(self) -> Cart | None:
        if self.user is not None:
            return Cart.objects.filter(user=self.user).first()
        return Cart.objects.with_token(self.token).first() if self.token else None

    def new_cart(self) -> Cart:
        """Return an unsaved cart; a guest gets a new token with it."""
        if self.user is not None:
            return Cart(user=self.user)
        self.token = new_token()
        return Cart(token_digest=token_digest(self.token))


def change(owner: CartOwner, edit: Callable[[Cart], None]) -> Cart:
    """Let ``edit`` change the lines or coupon of the owner's cart and save it, on top of every other change.

    ``edit`` is called again with the newer cart where another request was faster, so it must only change the cart.
    """
    for attempt in range(ATTEMPTS):
        cart = owner.find()
        if cart is None:
            cart = owner.new_cart()
            edit(cart)
            try:
                _insert(cart)
            except IntegrityError:
                continue
            return cart
        revision = cart.revision
        edit(cart)
        cart.revision, cart.updated_at = revision + 1, timezone.now()
        saved = Cart.objects.filter(pk=cart.pk, revision=revision).update(
            lines=cart.lines, coupon=cart.coupon, revision=cart.revision, updated_at=cart.updated_at
        )
        if saved:
            return cart
        time.sleep(random.uniform(0, 0.002 * min(attempt + 1, 20)))  # noqa: S311
    raise CartContention


@transactional("cart.create")
def _insert(cart: Cart) -> None:
    if cart.user is not None:
        require_account(cart.user)
    cart.save(force_insert=True)


def resolve_variant(*, product: ObjectId | None, variant: ObjectId | None) -> Variant:
    """Return the variant that a shopper means by either id.

    Raises :class:`VariantRequired` for a product with several, ``Http404`` for what does not exist or is not for sale.
    """
    if variant is not None:
        found = Variant.objects.active().filter(pk=variant).first()
    else:
        active = list(Variant.objects.active().filter(product=product)[:2])
        if len(active) > 1:
            raise VariantRequired(attr="variant")
        found = active[0] if active else None
    if found is not None and product not in (None, found.product_id):
        found = None
    if found is None or not Product.objects.active().filter(pk=found.product_id).exists():
        raise Http404
    return found


def add_item(*, owner: CartOwner, variant: Variant, quantity: int) -> Cart:
    """Put so many of a variant into the cart; they add up with those that lie there already.

    Raises :class:`OutOfStock` where the sum is more than there is, :class:`CartFull`.
    """

    def edit(cart: Cart) -> None:
        line = next((line for line in cart.lines if line.variant == variant.pk), None)
        if line is None:
            if len(cart.lines) >= settings.MAX_CART_LINES:
                raise CartFull
            line = CartLine(variant=variant.pk, quantity=0, unit_price=variant.price)
            cart.lines.append(line)
        _require_stock(variant, line.quantity + quantity)
        line.quantity += quantity

    return change(owner, edit)


def set_quantity(*, owner: CartOwner, item: ObjectId, quantity: int) -> Cart:
    """Set how many of a line the cart holds. Raises ``Http404``, :class:`OutOfStock`."""
    variants: dict[ObjectId, Variant | None] = {}

    def edit(cart: Cart) -> None:
        line = _line(cart, item)
        if line.variant not in variants:
            variants[line.variant] = Variant.objects.active().filter(pk=line.variant).first()
        variant = variants[line.variant]
        if variant is None:
            raise ProductUnavailable
        _require_stock(variant, quantity)
        line.quantity = quantity
        # The shopper has seen today's price.
        line.unit_price = variant.price

    return change(owner, edit)


def remove_item(*, owner: CartOwner, item: ObjectId) -> Cart:
    """Take a line out of the cart. Raises ``Http404``."""

    def edit(cart: Cart) -> None:
        unwanted = _line(cart, item)
        cart.lines = [line for line in cart.lines if line is not unwanted]

    if owner.find() is None:
        raise Http404
    return change(owner, edit)


def clear(*, owner: CartOwner) -> Cart:
    """Empty the cart, its coupon included."""

    def edit(cart: Cart) -> None:
        cart.lines, cart.coupon = [], ""

    return change(owner, edit) if owner.find() else Cart(user=owner.user)


def apply_coupon(*, owner: CartOwner, code: str) -> Cart:
    """Put a coupon on the cart. Raises :class:`InvalidCoupon` where it cannot be used for what lies there now."""
    coupon = coupons.find(code)

    def edit(cart: Cart) -> None:
        coupons.check(coupon, priced=price_lines(cart), user=owner.user)
        cart.coupon = coupon.code

    if coupon is None:
        raise InvalidCoupon("There is no such coupon.", attr="code")
    return change(owner, edit)


def remove_coupon(*, owner: CartOwner) -> Cart:
    def edit(cart: Cart) -> None:
        cart.coupon = ""

    return change(owner, edit) if owner.find() else Cart(user=owner.user)


def merge_guest_cart(*, user: User, request: Request) -> None:
    """Move the guest's cart named in the request into the user's: quantities add up, capped at stock."""
    if token := request.headers.get(TOKEN_HEADER):
        _merge(user=user, token=token)


@transactional("cart.merge")
def _merge(*, user: User, token: str) -> None:
    """Delete the guest's cart, so that its token is dead and two logins merge it once, and put its lines here."""
    guest = Cart.objects.with_token(token).first()
    if guest is None:
        return
    guest.delete()
    stock = dict(Variant.objects.filter(pk__in=[line.variant for line in guest.lines]).values_list("pk", "stock"))

    def edit(cart: Cart) -> None:
        own = {line.variant: line for line in cart.lines}
        for line in guest.lines:
            available = stock.get(line.variant, 0)
            if line.variant in own:
                mine = own[line.variant]
                mine.quantity = max(mine.quantity, min(mine.quantity + line.quantity, available))
            elif available and len(cart.lines) < settings.MAX_CART_LINES:
                line.quantity = min(line.quantity, available)
                cart.lines.append(line)
        cart.coupon = cart.coupon or guest.coupon

    if guest.lines or guest.coupon:
        change(CartOwner(user=user), edit)


@jobs.every(24 * 3600, name="cart.forget_guests")
def delete_old_guest_carts() -> int:
    """Delete the guests' carts that nobody has touched for a month; return how many."""
    return Cart.objects.filter(user=None, updated_at__lt=timezone.now() - GUEST_CARTS_KEPT).delete()[0]


def forget_customer(*, user: User) -> None:
    """Delete the person's cart with their account."""
    Cart.objects.filter(user=user).delete()


def _line(cart: Cart, item: ObjectId) -> CartLine:
    for line in cart.lines:
        if line.key == item:
            return line
    raise Http404


def _require_stock(variant: Variant, quantity: int) -> None:
    if quantity > variant.stock:
        raise OutOfStock(f"There are {variant.stock} of {variant.sku} left.", variants=[variant.pk], attr="quantity")
