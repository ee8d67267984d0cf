"""Placing an order: from a cart to an order that holds its stock, all or nothing."""

from datetime import timedelta
from decimal import Decimal

from django.conf import settings
from django.db import IntegrityError
from django.utils import timezone

from accounts.models import User
from cart import coupons
from cart.errors import CartChanged, EmptyCart
from cart.models import Cart
from catalog import stock
from catalog.errors import OutOfStock
from catalog.models import StockMovement
from orders.errors import TotalChanged
from orders.mails import tell_customer
from orders.models import (
    Actor,
    Event,
    Order,
    OrderStatus,
    PaymentStatus,
    PostalAddress,
    TimelineEntry,
    new_order_number,
)
from orders.pricing import Quote, quote
from orders.services import count_sales
from shop import days, documents, idempotency, money
from shop.errors import Fault
from shop.mongodb import violated_fields
from shop.transactions import transactional


def place_order(
    *,
    user: User,
    address: PostalAddress,
    shipping_method: str | None = None,
    expected_total: Decimal | None = None,
    note: str = "",
) -> Order:
    """Turn the user's cart into an order: take the stock, freeze the lines, empty the cart, all or nothing.

    Raises :class:`EmptyCart`, :class:`CartChanged` (another checkout of this cart was faster), ``OutOfStock`` naming
    the lines, :class:`TotalChanged`, ``InvalidCoupon``, ``NoShippingMethod``, ``AmountTooSmall``.
    """
    cart = documents.find_one(Cart, {"user_id": user.pk})
    if cart is None or not cart.lines:
        raise EmptyCart
    try:
        return _place(
            user=user,
            cart=cart,
            address=address,
            shipping_method=shipping_method,
            expected_total=expected_total,
            note=note,
        )
    except OutOfStock as error:
        raise _naming_lines(error, cart) from error
    except IntegrityError as error:
        if "cart" in violated_fields(error):
            raise CartChanged from error
        raise


@transactional("orders.place")
def _place(
    *,
    user: User,
    cart: Cart,
    address: PostalAddress,
    shipping_method: str | None,
    expected_total: Decimal | None,
    note: str,
) -> Order:
    # Nothing but the claim may be written before everything is known: the shorter a variant is held, the better.
    quoted = quote(cart=cart, user=user, address=address, shipping_method=shipping_method)
    _require_available(quoted, cart)
    if expected_total is not None and expected_total != quoted.total:
        raise TotalChanged(f"The total is {money.display(quoted.total)} now.", attr="expected_total")
    quoted.require_chargeable()
    order = _order_from(quoted, user=user, cart=cart, address=address, note=note)
    _claim(cart)
    if quoted.priced.coupon is not None:
        coupons.redeem(quoted.priced.coupon, user=user, order_number=order.number)
    documents.insert(order)
    idempotency.finish(status=201, reference=order.number)
    stock.take(order.quantities, reason=StockMovement.Reason.ORDER, reference=order.number)
    if order.status == OrderStatus.COMPLETED:
        count_sales(order)
    tell_customer(order, Event.PLACED)
    return order


def _claim(cart: Cart) -> None:
    """Empty the cart if it is still the one that was priced."""
    emptied = {"lines": [], "coupon": "", "revision": cart.revision + 1, "updated_at": timezone.now()}
    if documents.change_one(Cart, {"_id": cart.pk, "revision": cart.revision}, {"$set": emptied}) is None:
        now = Cart.objects.filter(pk=cart.pk).first()
        raise CartChanged if now is not None and now.lines else EmptyCart


def _require_available(quoted: Quote, cart: Cart) -> None:
    """Name every line that cannot be had before anything is written; taking the stock decides in the end."""
    priced = quoted.priced
    short = {line.line.variant for line in priced.lines if not line.offer.is_active or line.quantity > line.offer.stock}
    short |= {line.variant for line in priced.gone}
    if short:
        raise OutOfStock(variants=short)


def _naming_lines(error: OutOfStock, cart: Cart) -> OutOfStock:
    faults = [
        Fault("out_of_stock", "There is not enough of this in stock.", f"items.{position}.quantity")
        for position, line in enumerate(cart.lines)
        if line.variant in error.variants
    ]
    return OutOfStock(variants=error.variants, faults=faults)


def _order_from(quoted: Quote, *, user: User, cart: Cart, address: PostalAddress, note: str) -> Order:
    now = timezone.now()
    free = quoted.total == 0
    order = Order(
        number=new_order_number(),
        user=user,
        lines=quoted.lines,
        subtotal=quoted.priced.subtotal,
        discount=quoted.priced.discount,
        shipping=quoted.shipping,
        tax=quoted.tax,
        total=quoted.total,
        currency=quoted.currency,
        prices_include_tax=quoted.prices_include_tax,
        coupon=quoted.priced.coupon.code if quoted.priced.coupon else "",
        shipping_method=quoted.shipping_method.code if quoted.shipping_method else "",
        shipping_address=address,
        note=note,
        cart=cart.pk,
        cart_revision=cart.revision,
        created_at=now,
        expires_at=None if free else now + timedelta(seconds=settings.ORDER_HOLD_SECONDS),
        timeline=[TimelineEntry(at=now, event=Event.PLACED, actor=Actor.CUSTOMER)],
    )
    if free:
        order.status, order.payment_status = OrderStatus.COMPLETED, PaymentStatus.PAID
        order.paid_at, order.paid_on = now, days.today()
        order.timeline.append(
            TimelineEntry(at=now, event=Event.PAID, detail="There was nothing to pay.", actor=Actor.SYSTEM)
        )
    return order
