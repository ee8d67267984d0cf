"""Checkout."""

from datetime import timedelta
from decimal import Decimal

import structlog
from bson import ObjectId
from django.conf import settings
from django.db import IntegrityError
from django.utils import timezone

from accounts.models import User
from cart.errors import CartChanged
from cart.models import Cart
from cart.owners import CartOwner
from cart.promotions import uses
from cart.promotions.customers import Customer
from cart.promotions.matching import require_customer_allowed
from cart.promotions.uses import Reservations, UsesNotReserved
from catalog import stock
from catalog.errors import OutOfStock
from catalog.models import StockMovement
from orders import holds, search_words
from orders.changes import record_events
from orders.claiming import claim_job
from orders.errors import TooManyUnpaidOrders, TooManyUnpaidOrdersHere, TotalChanged
from orders.events import Actor, Event
from orders.invoices.issuing import issue_jobs
from orders.mails import customer_mail, log_mail, notify_staff
from orders.metrics import count_events
from orders.models import Order, PostalAddress, TimelineEntry, new_order_number
from orders.pricing import Quote, out_of_stock, quote
from orders.reports.totals import mark_changed
from orders.reviews.services import check_reviews_later
from orders.staff import acting_staff_id
from orders.statuses import OrderStatus, PaymentStatus
from orders.taxes import provider
from orders.transitions import count_sales
from shop import days, money
from shop.api import idempotency
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.db import documents
from shop.db.mongodb import violated_fields
from shop.db.transactions import transactional

logger = structlog.get_logger(__name__)


def place_order(
    *,
    owner: CartOwner,
    email: str,
    address: PostalAddress | None = None,
    billing_address: PostalAddress | None = None,
    shipping_method: str | None = None,
    expected_total: Decimal | None = None,
    note: str = "",
    network_address: str = "",
    by_staff: bool = False,
) -> Order:
    """Place an order of the owner's cart; ``email`` is the account's own, or a guest's normalized address.

    Only a pick-up needs no ``address``. An order of staff holds its stock for ``STAFF_ORDER_HOLD_HOURS``, and its mail,
    with the link to pay, is sent at once.

    Raises ``EmptyCart``, ``CartChanged``, ``OutOfStock`` with the lines' positions, ``TotalChanged``,
    ``InvalidCoupon``, ``InvalidShippingMethod``, ``NoShippingMethod``, ``ShippingAddressRequired``, ``UnknownState``,
    ``InvalidTaxAddress``, ``AmountTooSmall``, ``AmountTooLarge``, ``TaxUnavailable`` and, with a ``network_address``,
    ``TooManyUnpaidOrders``, ``TooManyUnpaidOrdersHere``.
    """
    placed_from = holds.digest(network_address)
    revisions: list[int] = []
    # The first attempt that reached the stock. Further ones take it first: a conflict then wastes little work, and who
    # has written the stock commits.
    reached: list[Quote] = []
    customer = Customer(owner.user, email)
    calculated_taxes = None
    if provider.is_registered():
        # No network call in the transaction, which checks that nothing has changed since.
        calculated_taxes = quote(owner=owner, address=address, shipping_method=shipping_method).calculated_taxes
    number = new_order_number()

    @transactional("orders.place")
    def place(reserved: Reservations) -> Order:
        is_taken = bool(reached)
        if is_taken:
            _take_stock(reached[0], number=number)
        quoted = quote(
            owner=owner,
            address=address,
            shipping_method=shipping_method,
            placed_from=placed_from,
            calculated_taxes=calculated_taxes,
            reserved=reserved,
            taken=reached[0].quantities if is_taken else None,
        )
        revisions.append(quoted.priced.cart.revision)
        if revisions[-1] != revisions[0]:
            # Changed between attempts: not the cart that the shopper confirmed.
            raise CartChanged
        if expected_total is not None and expected_total != quoted.total:
            raise TotalChanged(f"The total is now {money.display(quoted.total)}.", attr="expected_total")
        quoted.require_chargeable()
        if quoted.total and placed_from:
            holds.require_allowed(quoted.cart_document, owner=owner, pieces=sum(line.quantity for line in quoted.lines))
        # Last: otherwise anyone could learn without a valid order whether the owner of the address has ordered before.
        require_customer_allowed(quoted.priced.promotions, customer=customer, except_order=number)
        reserved.require(quoted.priced.promotions)
        order = _order_from(
            quoted,
            number=number,
            owner=owner,
            email=email,
            address=address,
            billing_address=billing_address or address,
            note=note,
            placed_from=placed_from,
            by_staff=by_staff,
        )
        if not is_taken:
            reached.append(quoted)
            _take_stock(quoted, number=number)
        _write(order, quoted, reserved, by_staff=by_staff)
        return order

    try:
        with uses.reservations(order_number=number, customer=customer) as reserved:
            while True:
                try:
                    return place(reserved)
                except UsesNotReserved as missing:
                    reserved.reserve(missing.promotions)
    except (TooManyUnpaidOrders, TooManyUnpaidOrdersHere) as error:
        user = str(owner.user.pk) if owner.user else None
        logger.warning("unpaid_orders_limit_reached", user=user, code=error.default_code)
        raise
    except IntegrityError as error:
        if "cart" in violated_fields(error):
            raise CartChanged from error
        raise


def counted_orders(*, user: User | None, email: str) -> tuple[type[Order], documents.Document]:
    """See `cart.hooks.orders_of`.

    Guests' orders count by their address without proof: a stranger has to pay to use up its offer, while everyone could
    have it twice, as a guest and with an account, if they did not count.
    """
    counted = {"status": {"$in": [OrderStatus.PENDING.value, OrderStatus.COMPLETED.value]}}
    own = [{"user_id": user.pk}] if user else []
    return Order, {"$or": [*own, {"email": email}] if email else own, **counted}


def _take_stock(quoted: Quote, *, number: str) -> None:
    try:
        stock.reserve(quoted.quantities, reason=StockMovement.Reason.ORDER, reference=number)
    except OutOfStock as error:
        raise out_of_stock(error, quoted.priced.cart) from error


def _write(order: Order, quoted: Quote, reserved: Reservations, *, by_staff: bool) -> None:
    cart = quoted.priced.cart
    reserved.confirm(quoted.priced.promotions)
    # Empty the cart, so that concurrent changes of it conflict.
    emptied = {"lines": [], "coupon": "", "revision": cart.revision + 1, "updated_at": timezone.now()}
    documents.update_one(Cart, {"_id": cart.pk}, {"$set": emptied})
    mail = customer_mail(order, Event.PLACED, at_once=by_staff)
    log_mail(order, mail)
    documents.insert(order)
    if by_staff:
        staff_log.record(Action.ADD, order)
    record_events(order, *(entry.event for entry in order.timeline))
    idempotency.finish(status=201, reference=order.number)
    count_events(Event.PLACED)
    if order.status == OrderStatus.COMPLETED:
        count_events(Event.PAID)
        count_sales(order)
        mark_changed(order.paid_on)
        check_reviews_later(order)
        notify_staff(order, Event.PAID)
    documents.insert(mail, *([] if order.user_id else [claim_job(order)]), *issue_jobs(order))


def _order_from(
    quoted: Quote,
    *,
    number: str,
    owner: CartOwner,
    email: str,
    address: PostalAddress | None,
    billing_address: PostalAddress | None,
    note: str,
    placed_from: str,
    by_staff: bool,
) -> Order:
    now = timezone.now()
    free = quoted.total == 0
    method = quoted.shipping_method
    pickup = method.pickup_address if method else None
    hold = timedelta(seconds=min(settings.UNPAID_HOLD_SECONDS, settings.ORDER_HOLD_SECONDS))
    if by_staff:
        hold = timedelta(hours=settings.STAFF_ORDER_HOLD_HOURS)
    placed = TimelineEntry(
        at=now,
        event=Event.PLACED,
        actor=Actor.STAFF if by_staff else Actor.CUSTOMER,
        staff=acting_staff_id() if by_staff else None,
    )
    order = Order(
        # For its mail, which is written first.
        pk=ObjectId(),
        number=number,
        user=owner.user,
        email=email,
        lines=quoted.lines,
        subtotal=quoted.subtotal,
        discount=quoted.discount,
        discounts=quoted.discounts,
        shipping=quoted.shipping,
        tax=quoted.tax,
        tax_lines=quoted.tax_lines,
        total=quoted.total,
        currency=quoted.currency,
        prices_include_tax=quoted.prices_include_tax,
        coupon=quoted.priced.coupon.code if quoted.priced.coupon else "",
        shipping_method=method.code if method else "",
        shipping_address=address,
        pickup_address=PostalAddress(**pickup) if pickup else None,
        billing_address=billing_address,
        note=note,
        cart=quoted.priced.cart.pk,
        cart_revision=quoted.priced.cart.revision,
        created_at=now,
        updated_at=now,
        expires_at=None if free else now + hold,
        placed_from="" if free else placed_from,
        timeline=[placed],
    )
    if free:
        order.status, order.payment_status = OrderStatus.COMPLETED, PaymentStatus.PAID
        order.paid_at, order.paid_on = now, days.today()
        order.counts_as_sale = True
        order.invoice_due = settings.INVOICES_ENABLED
        order.timeline.append(
            TimelineEntry(at=now, event=Event.PAID, detail="No payment was needed.", actor=Actor.SYSTEM)
        )
    order.search_words = search_words.of(order)
    return order
