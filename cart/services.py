"""Cart operations, with optimistic locking."""

import random
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping

from bson import ObjectId
from django.conf import settings
from django.db import IntegrityError
from django.http import Http404
from django.utils import timezone

from accounts.models import User
from accounts.services import require_account
from cart.errors import CartFull, InvalidCoupon, ProductUnavailable, TooManyUnits
from cart.models import Cart, CartLine, token_digest
from cart.owners import CartOwner, FoundCart
from cart.pricing import PricedCart, price_lines
from cart.promotions import reading
from cart.promotions.customers import Customer, facts_of
from cart.promotions.matching import customer_refusal, unusable_reason
from cart.promotions.models import Promotion, PromotionUse
from cart.promotions.pricing import apply as apply_promotions
from catalog import offers
from catalog.errors import OutOfStock, VariantRequired
from catalog.offers import Offer, Offers
from shop.api.errors import Fault, ShopError
from shop.db import documents
from shop.db.batches import first_keys
from shop.db.transactions import TransactionContention, transactional

ATTEMPTS = 50
_CHANGED = ("lines", "coupon", "revision", "updated_at")


def get_cart(*, owner: CartOwner) -> PricedCart:
    """Return the owner's cart, or an unsaved empty one."""
    found = owner.find()
    return _price(found.cart or Cart(user=owner.user), found, owner)


def _price(cart: Cart, found: FoundCart, owner: CartOwner) -> PricedCart:
    priced = price_lines(cart, found.offers)
    promotions = [each for each in found.promotions if each.automatic or each.code == cart.coupon]
    apply_promotions(priced, promotions, facts=facts_of(Customer(user=owner.user), promotions))
    return priced


# Changes the cart in place.
CartEdit = Callable[[Cart, Offers], None]


def update_cart(
    owner: CartOwner,
    edit: CartEdit,
    *,
    variants: Collection[ObjectId] = (),
    product: ObjectId | None = None,
    coupon: Promotion | None = None,
) -> PricedCart:
    """After a conflict ``edit`` is called again with the reloaded cart, so it must have no other side effects.

    ``coupon`` is the promotion of a code that ``edit`` enters.
    """
    for attempt in range(ATTEMPTS):
        found = owner.find(variants=variants, product=product)
        cart = found.cart or owner.new_cart()
        edit(cart, found.offers)
        if _insert_unless_exists(cart) if found.cart is None else _replace(cart):
            if found.cart is None:
                found = found._replace(promotions=reading.find_automatic())
            if coupon is not None:
                found = found._replace(promotions=[*(each for each in found.promotions if each.automatic), coupon])
            return _price(cart, found, owner)
        time.sleep(random.uniform(0, 0.002 * min(attempt + 1, 20)))  # noqa: S311
    raise TransactionContention


def _replace(cart: Cart) -> bool:
    revision, cart.updated_at = cart.revision, timezone.now()
    cart.revision += 1
    fields = documents.stored_values(Cart, {name: getattr(cart, name) for name in _CHANGED})
    return documents.update_one(Cart, {"_id": cart.pk, "revision": revision}, {"$set": fields})


def _insert_unless_exists(cart: Cart) -> bool:
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
    """Add a variant, given by its id or its product's.

    Raises ``Http404``, ``VariantRequired``, ``OutOfStock``, ``TooManyUnits``, ``CartFull``.
    """

    def edit(cart: Cart, offered: Offers) -> None:
        offer = _resolve_offer(offered, product=product, variant=variant)
        line = next((line for line in cart.lines if line.variant == offer.variant), None)
        if line is None:
            if len(cart.lines) >= settings.MAX_CART_LINES:
                raise CartFull
            line = CartLine(variant=offer.variant, quantity=0, unit_price=offer.price)
            cart.lines.append(line)
        _require_stock(offer, line.quantity + quantity)
        line.quantity += quantity

    if variant is not None:
        return update_cart(owner, edit, variants=[variant])
    return update_cart(owner, edit, product=product)


def _resolve_offer(offered: Offers, *, product: ObjectId | None, variant: ObjectId | None) -> Offer:
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
    """Set a line's quantity; 0 removes it.

    Raises ``Http404``, ``ProductUnavailable``, ``OutOfStock``, ``TooManyUnits``.
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
        # The shopper has seen the current price.
        line.unit_price = offer.price

    return update_cart(owner, edit)


def set_quantities(*, owner: CartOwner, quantities: Mapping[ObjectId, int]) -> PricedCart:
    """Set the lines of these variants, all or none; 0 removes a line.

    Raises ``ProductUnavailable``, ``TooManyUnits`` and ``OutOfStock``, with the positions in ``quantities``, and
    ``CartFull``.
    """

    def edit(cart: Cart, offered: Offers) -> None:
        _require_orderable(quantities, offered)
        lines = {line.variant: line for line in cart.lines}
        for variant, quantity in quantities.items():
            if quantity == 0:
                lines.pop(variant, None)
                continue
            price = offered[variant].price
            line = lines.setdefault(variant, CartLine(variant=variant, quantity=0, unit_price=price))
            line.quantity, line.unit_price = quantity, price
        if len(lines) > settings.MAX_CART_LINES:
            raise CartFull
        cart.lines = list(lines.values())

    if not any(quantities.values()) and owner.find().cart is None:
        return get_cart(owner=owner)
    return update_cart(owner, edit, variants=list(quantities))


def _require_orderable(quantities: Mapping[ObjectId, int], offered: Offers) -> None:
    """Raise one kind of error, with all of its faults."""
    faults: defaultdict[type[ShopError], list[Fault]] = defaultdict(list)
    short: list[ObjectId] = []
    for position, (variant, quantity) in enumerate(quantities.items()):
        offer = offered.get(variant)
        if quantity == 0:
            continue
        try:
            if offer is None or not offer.is_active:
                raise ProductUnavailable(attr="variant")
            _require_stock(offer, quantity)
        except ShopError as error:
            short.append(variant)
            faults[type(error)] += [fault._replace(attr=f"items.{position}.{fault.attr}") for fault in error.faults]
    for kind in (ProductUnavailable, TooManyUnits):
        if faults[kind]:
            raise kind(faults=faults[kind])
    if faults[OutOfStock]:
        raise OutOfStock(variants=short, faults=faults[OutOfStock])


def remove_item(*, owner: CartOwner, item: ObjectId) -> PricedCart:
    """Raises ``Http404``."""

    def edit(cart: Cart, offered: Offers) -> None:
        unwanted = _line(cart, item)
        cart.lines = [line for line in cart.lines if line is not unwanted]

    return update_cart(owner, edit)


def clear(*, owner: CartOwner) -> PricedCart:
    def edit(cart: Cart, offered: Offers) -> None:
        cart.lines, cart.coupon = [], ""

    return update_cart(owner, edit) if owner.find().cart else get_cart(owner=owner)


def apply_coupon(*, owner: CartOwner, code: str) -> PricedCart:
    """Set the cart's coupon, even below its minimum.

    All unusable codes raise the same ``InvalidCoupon``, so that guesses reveal nothing. The database commands are the
    same too, unless the user has used the code.
    """
    coupon = reading.find(code)
    if coupon is None or unusable_reason(coupon):
        raise InvalidCoupon(attr="code")
    if customer_refusal(coupon, facts_of(Customer(user=owner.user), [coupon])):
        raise InvalidCoupon(attr="code")

    def edit(cart: Cart, offered: Offers) -> None:
        cart.coupon = coupon.code

    return update_cart(owner, edit, coupon=coupon)


def remove_coupon(*, owner: CartOwner) -> PricedCart:
    def edit(cart: Cart, offered: Offers) -> None:
        cart.coupon = ""

    return update_cart(owner, edit) if owner.find().cart else get_cart(owner=owner)


@transactional("cart.merge")
def merge_guest_cart(*, user: User, cart_token: str) -> None:
    """Sold-out items are kept and cause warnings."""
    guest = Cart.objects.filter(token_digest=token_digest(cart_token)).first() if cart_token else None
    if guest is None:
        return
    # Conflicts with concurrent logins, so that only one merges.
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
        update_cart(CartOwner(user=user), edit)


def detach_customer_data(*, user: User, limit: int) -> bool:
    """Delete the cart and detach uses of promotions, at most ``limit``; return whether there are more."""
    Cart.objects.filter(user=user).delete()
    uses, is_more = first_keys(PromotionUse.objects.filter(user=user), limit=limit)
    PromotionUse.objects.filter(pk__in=uses).update(user=None, email_digest="", number=None)
    return is_more


def _line(cart: Cart, item: ObjectId) -> CartLine:
    for line in cart.lines:
        if line.key == item:
            return line
    raise Http404


def _require_stock(offer: Offer, quantity: int) -> None:
    """Raise ``OutOfStock``, or ``TooManyUnits``, which does not reveal the stock."""
    if quantity <= offer.orderable:
        return
    if offer.orderable < settings.MAX_QUANTITY_PER_LINE:
        raise OutOfStock(offer.shortage, variants=[offer.variant], attr="quantity")
    raise TooManyUnits(f"A cart holds at most {settings.MAX_QUANTITY_PER_LINE} of one item.", attr="quantity")
