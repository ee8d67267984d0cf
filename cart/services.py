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
from cart.errors import CartFull, InvalidCoupon, ProductUnavailable, TooManyPieces
from cart.models import Cart, CartLine, CouponUse, new_token, token_digest
from cart.pricing import PricedCart, price_lines
from catalog import offers
from catalog.errors import OutOfStock, VariantRequired
from catalog.offers import Offer, Offers
from shop import documents, jobs
from shop.errors import ServiceUnavailable
from shop.transactions import transactional

TOKEN_HEADER = "X-Cart-Token"  # noqa: S105
ATTEMPTS = 50
GUEST_CARTS_KEPT = timedelta(days=30)
# The fields that a change writes.
_CHANGED = ("lines", "coupon", "revision", "updated_at")


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

    @property
    def name(self) -> str:
        """The owner for rate limits; "" for a guest without a token."""
        if self.user is not None:
            return f"user {self.user.pk}"
        return f"cart {token_digest(self.token)}" if self.token else ""

    def find(self, *, variant: ObjectId | None = None, product: ObjectId | None = None) -> tuple[Cart | None, Offers]:
        """Return the cart, if there is one, with the offers of its lines, of ``variant`` and of all of ``product``.

        One command.
        """
        pipeline = offers.beside([{"$match": self._match}], ids="lines.variant", variant=variant, product=product)
        document, found = offers.apart(documents.aggregate(Cart, pipeline))
        return (documents.instance(Cart, document) if document else None), found

    @property
    def _match(self) -> documents.Document:
        if self.user is not None:
            return {"user_id": self.user.pk}
        # Nobody has the empty digest.
        return {"token_digest": token_digest(self.token) if self.token else ""}

    def new_cart(self) -> Cart:
        """Return an unsaved cart; a guest gets a new token with it."""
        if self.user is not None:
            return Cart(user=self.user)
        self.token = new_token()
        return Cart(token_digest=token_digest(self.token))


def look_at(*, owner: CartOwner) -> PricedCart:
    """Return the owner's cart at today's prices; an empty one, which is not saved, where they have none."""
    cart, offered = owner.find()
    return price_lines(cart or Cart(user=owner.user), offered)


# Changes the cart, whose lines stand for these offers.
Edit = Callable[[Cart, Offers], None]


def change(
    owner: CartOwner, edit: Edit, *, variant: ObjectId | None = None, product: ObjectId | None = None
) -> PricedCart:
    """Let ``edit`` change the lines or coupon of the owner's cart and save it, on top of every other change.

    ``edit`` gets the offers of the variants in the cart, and those of ``variant`` and of all variants of ``product``.
    It is called again with the newer cart where another request was faster, so it must only change the cart.
    """
    for attempt in range(ATTEMPTS):
        found, offered = owner.find(variant=variant, product=product)
        cart = found or owner.new_cart()
        edit(cart, offered)
        if _insert_if_free(cart) if found is None else _replace(cart):
            return price_lines(cart, offered)
        time.sleep(random.uniform(0, 0.002 * min(attempt + 1, 20)))  # noqa: S311
    raise CartContention


def _replace(cart: Cart) -> bool:
    """Save the cart if nobody has since it was read."""
    revision, cart.updated_at = cart.revision, timezone.now()
    cart.revision += 1
    fields = {name: documents.stored(Cart._meta.get_field(name), getattr(cart, name)) for name in _CHANGED}
    return documents.update_one(Cart, {"_id": cart.pk, "revision": revision}, {"$set": fields})


def _insert_if_free(cart: Cart) -> bool:
    """Save a new cart unless its owner has one since."""
    try:
        _insert(cart)
    except IntegrityError:
        return False
    return True


@transactional("cart.create")
def _insert(cart: Cart) -> None:
    if cart.user is not None:
        require_account(cart.user)
    cart.save(force_insert=True)


def add_item(
    *, owner: CartOwner, product: ObjectId | None = None, variant: ObjectId | None = None, quantity: int
) -> PricedCart:
    """Put so many of a variant, named by either id, into the cart; they add up with those that lie there already.

    Raises ``Http404`` for what does not exist or is not for sale, :class:`VariantRequired` for a product with several
    variants, :class:`OutOfStock` where the sum is more than there is, :class:`TooManyPieces`, :class:`CartFull`.
    """

    def edit(cart: Cart, offered: Offers) -> None:
        offer = _meant(offered, product=product, variant=variant)
        line = next((line for line in cart.lines if line.variant == offer.variant), None)
        if line is None:
            if len(cart.lines) >= settings.MAX_CART_LINES:
                raise CartFull
            line = CartLine(variant=offer.variant, quantity=0, unit_price=offer.price)
            cart.lines.append(line)
        _require_stock(offer, line.quantity + quantity)
        line.quantity += quantity

    return change(owner, edit, variant=variant, product=product if variant is None else None)


def _meant(offered: Offers, *, product: ObjectId | None, variant: ObjectId | None) -> Offer:
    """Return the offer that a shopper means by the ids of a variant, of a product, or of both."""
    if variant is not None:
        found = [offered[variant]] if variant in offered else []
    else:
        found = [offer for offer in offered.values() if offer.product == product]
    for_sale = [offer for offer in found if offer.is_active and product in (None, offer.product)]
    if not for_sale:
        raise Http404
    if len(for_sale) > 1:
        raise VariantRequired(attr="variant")
    return for_sale[0]


def set_quantity(*, owner: CartOwner, item: ObjectId, quantity: int) -> PricedCart:
    """Set how many of a line the cart holds; 0 removes it.

    Raises as :func:`add_item`, or :class:`ProductUnavailable`.
    """
    if quantity == 0:
        return remove_item(owner=owner, item=item)

    def edit(cart: Cart, offered: Offers) -> None:
        line = _line(cart, item)
        offer = offered.get(line.variant)
        if offer is None or not offer.is_active:
            raise ProductUnavailable
        _require_stock(offer, quantity)
        line.quantity = quantity
        # The shopper has seen today's price.
        line.unit_price = offer.price

    return change(owner, edit)


def remove_item(*, owner: CartOwner, item: ObjectId) -> PricedCart:
    """Take a line out of the cart. Raises ``Http404``."""

    def edit(cart: Cart, offered: Offers) -> None:
        unwanted = _line(cart, item)
        cart.lines = [line for line in cart.lines if line is not unwanted]

    if owner.find()[0] is None:
        raise Http404
    return change(owner, edit)


def clear(*, owner: CartOwner) -> PricedCart:
    """Empty the cart, its coupon included."""

    def edit(cart: Cart, offered: Offers) -> None:
        cart.lines, cart.coupon = [], ""

    return change(owner, edit) if owner.find()[0] else look_at(owner=owner)


def apply_coupon(*, owner: CartOwner, code: str) -> PricedCart:
    """Put a coupon on the cart. One whose minimum the cart does not reach yet is a warning and takes nothing off.

    Raises :class:`InvalidCoupon`, by the same commands and with the same words for every code that nobody can use now,
    so that guesses do not tell which codes exist.
    """
    coupon = coupons.find(code)
    if coupon is None or coupons.unusable_reason(coupon):
        raise InvalidCoupon(attr="code")
    coupons.require_uses_left(coupon, user=owner.user)

    def edit(cart: Cart, offered: Offers) -> None:
        cart.coupon = coupon.code

    return change(owner, edit)


def remove_coupon(*, owner: CartOwner) -> PricedCart:
    def edit(cart: Cart, offered: Offers) -> None:
        cart.coupon = ""

    return change(owner, edit) if owner.find()[0] else look_at(owner=owner)


def merge_guest_cart(*, user: User, request: Request) -> None:
    """Move the guest's cart named in the request into the user's: quantities add up to what a line can hold.

    What is sold out is moved as well, so that the cart's warnings name it.
    """
    if token := request.headers.get(TOKEN_HEADER):
        _merge(user=user, token=token)


@transactional("cart.merge")
def _merge(*, user: User, token: str) -> None:
    """Delete the guest's cart, so that its token is dead and two logins merge it once, and put its lines here."""
    guest = Cart.objects.with_token(token).first()
    if guest is None:
        return
    guest.delete()
    orderable = {
        offer.variant: offer.orderable for offer in offers.offers_of(line.variant for line in guest.lines).values()
    }

    def edit(cart: Cart, offered: Offers) -> None:
        own = {line.variant: line for line in cart.lines}
        for line in guest.lines:
            available = orderable.get(line.variant, 0)
            if line.variant in own:
                mine = own[line.variant]
                mine.quantity = max(mine.quantity, min(mine.quantity + line.quantity, available))
            elif len(cart.lines) < settings.MAX_CART_LINES:
                line.quantity = min(line.quantity, available) or line.quantity
                cart.lines.append(line)
        cart.coupon = cart.coupon or guest.coupon

    if guest.lines or guest.coupon:
        change(CartOwner(user=user), edit)


@jobs.every(24 * 3600, name="cart.forget_guests")
def delete_old_guest_carts() -> int:
    """Delete the guests' carts that nobody has touched for a month; return how many."""
    return Cart.objects.filter(user=None, updated_at__lt=timezone.now() - GUEST_CARTS_KEPT).delete()[0]


def forget_customer(*, user: User) -> None:
    """Delete the person's cart, and let the uses of coupons be nobody's."""
    Cart.objects.filter(user=user).delete()
    CouponUse.objects.filter(user=user).update(user=None)


def _line(cart: Cart, item: ObjectId) -> CartLine:
    for line in cart.lines:
        if line.key == item:
            return line
    raise Http404


def _require_stock(offer: Offer, quantity: int) -> None:
    """Raise :class:`OutOfStock` or :class:`TooManyPieces` if a line cannot hold so many.

    Which of the two depends on the stock up to the limit of a line only: no quantity tells whether there is more.
    """
    if quantity <= offer.orderable:
        return
    if offer.stock < settings.MAX_QUANTITY_PER_LINE:
        raise OutOfStock(offer.shortage, variants=[offer.variant], attr="quantity")
    raise TooManyPieces(f"A cart holds at most {settings.MAX_QUANTITY_PER_LINE} of one item.", attr="quantity")
