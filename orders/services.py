"""The verbs of an order. Every move is a guarded update in a transaction, so of many at once exactly one happens."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import structlog
from bson import ObjectId
from django.conf import settings
from django.utils import timezone

from accounts.models import Address, User
from cart import coupons
from catalog import stock
from catalog.models import StockMovement
from orders import hooks
from orders.errors import NoOpenFlag, OrderNotCancellable, OrderNotFulfillable, PaymentProcessing
from orders.mails import notify_staff, tell_customer
from orders.models import (
    Actor,
    Event,
    FulfilmentStatus,
    Order,
    OrderStatus,
    PaymentStatus,
    PostalAddress,
    RefundEntry,
    TimelineEntry,
)
from orders.reviews.services import check_reviews_later
from shop import days, jobs, money, staff_log
from shop.errors import ServiceUnavailable
from shop.logs import told
from shop.staff_log import Action
from shop.transactions import TransactionContention, transactional

logger = structlog.get_logger(__name__)

# How much longer an order holds its stock while Stripe is processing its payment, or cannot be asked.
HOLD_EXTENSION = timedelta(minutes=5)
# How many detached orders are erased in one go.
ERASED_PER_RUN = 200
# Events whose detail was typed by a person, or names a parcel, unless the system wrote it.
TYPED_EVENTS = (Event.CANCELLED, Event.FLAG_SETTLED, Event.SHIPPED, Event.DELIVERED)
# What staff do themselves of what happens to an order.
STAFF_ACTIONS = {
    Event.CANCELLED: Action.CANCEL,
    Event.SHIPPED: Action.SHIP,
    Event.DELIVERED: Action.DELIVER,
    Event.FLAG_SETTLED: Action.SETTLE,
}

# --- Cancelling and expiring ------------------------------------------------------------------------------------------


def cancel_order(*, order: Order, reason: str = "", actor: Actor) -> Order:
    """Cancel an order that has not shipped: the stock goes back, and money that came in is refunded.

    Raises :class:`OrderNotCancellable`, ``PaymentProcessing``, and a 503 where Stripe cannot be asked to close the
    way to pay.
    """
    if not order.is_cancellable:
        raise why_not_cancellable(order)
    hooks.before_cancel(order=order)
    return _cancel(order_id=order.pk, event=Event.CANCELLED, detail=reason, actor=actor)


@transactional("orders.cancel")
def _cancel(*, order_id: ObjectId, event: Event, detail: str, actor: Actor) -> Order:
    order = Order.objects.get(pk=order_id)
    if not order.is_cancellable:
        raise why_not_cancellable(order)
    _end(order, event=event, detail=detail, actor=actor)
    return order


def _end(order: Order, *, event: Event, detail: str, actor: Actor) -> None:
    """Inside a transaction: the order is cancelled, and what it held goes back."""
    ended: dict[str, Any] = {"status": OrderStatus.CANCELLED, "expires_at": None}
    # Stock that was held for nothing counts against the customer and the network address for a while.
    is_given_up = order.status == OrderStatus.PENDING and (event == Event.EXPIRED or actor == Actor.CUSTOMER)
    ended |= {"expired_at": timezone.now()} if is_given_up else {"placed_from": ""}
    _move(order, ended, event=event, detail=detail, actor=actor)
    reason = StockMovement.Reason.EXPIRY if event == Event.EXPIRED else StockMovement.Reason.CANCELLATION
    stock.give_back(order.quantities, reason=reason, reference=order.number)
    coupons.give_back(order_number=order.number)
    hooks.on_cancelled(order=order)
    tell_customer(order, event)


def cancel_unpaid_order(*, order: Order, detail: str, flag_detail: str) -> bool:
    """Cancel an order that waits for its payment, and flag it for people; return whether it was, and not paid first.

    Raises ``PaymentProcessing``, and a 503 if Stripe cannot be asked to cancel the PaymentIntent.
    """
    hooks.before_cancel(order=order)
    return _cancel_unpaid(order_id=order.pk, detail=detail, flag_detail=flag_detail)


@transactional("orders.cancel_unpaid")
def _cancel_unpaid(*, order_id: ObjectId, detail: str, flag_detail: str) -> bool:
    order = Order.objects.get(pk=order_id)
    if order.status != OrderStatus.PENDING:
        return False
    if order.payment_status == PaymentStatus.PROCESSING:
        raise PaymentProcessing
    _end(order, event=Event.CANCELLED, detail=detail, actor=Actor.SYSTEM)
    flag(order_id=order_id, detail=flag_detail)
    return True


def why_not_cancellable(order: Order) -> OrderNotCancellable:
    """Return what keeps an order that is not cancellable from being cancelled."""
    if order.payment_status == PaymentStatus.PROCESSING:
        return PaymentProcessing()
    return OrderNotCancellable()


@jobs.every(5, name="orders.expire")
def expire_due_orders(*, limit: int = 200) -> int:
    """Cancel unpaid orders whose hold has run out; return how many were. The rest wait for the next call."""
    expired = 0
    for order in Order.objects.due_to_expire().order_by("expires_at")[:limit]:
        try:
            expired += expire_order(order=order)
        except TransactionContention:
            continue
        except ServiceUnavailable:
            # So will the next one: the worker has other things to do than to wait for Stripe again and again.
            break
        except Exception:
            # One order that cannot be expired must not keep the stock of all the others.
            logger.exception("an order could not be expired", order=order.number)
            _extend_hold(order)
    return expired


def expire_order(*, order: Order) -> bool:
    """Cancel one order whose hold has run out, unless it was paid or is about to be; return whether it was.

    While Stripe is processing its payment, or cannot be asked, the hold is extended: stock that may be paid for is
    not sold to somebody else. Raises ``ServiceUnavailable`` where Stripe cannot be asked.
    """
    try:
        hooks.before_cancel(order=order)
        return _expire(order_id=order.pk)
    except (ServiceUnavailable, OrderNotCancellable) as error:
        logger.info("an order holds its stock a little longer", order=order.number, error=told(error))
        _extend_hold(order)
        if isinstance(error, ServiceUnavailable):
            raise
        return False


def _extend_hold(order: Order) -> None:
    later = timezone.now() + HOLD_EXTENSION
    Order.objects.filter(pk=order.pk, status=OrderStatus.PENDING).update(expires_at=later)


@transactional("orders.expire")
def _expire(*, order_id: ObjectId) -> bool:
    order = Order.objects.due_to_expire().filter(pk=order_id).first()
    if order is None:
        # Paid, cancelled or extended meanwhile.
        return False
    if order.payment_status == PaymentStatus.PROCESSING:
        raise PaymentProcessing
    _end(order, event=Event.EXPIRED, detail="It was not paid in time.", actor=Actor.SYSTEM)
    return True


# --- What payments tell -----------------------------------------------------------------------------------------------


@transactional("orders.attach_payment")
def attach_payment(*, order_id: ObjectId, payment: ObjectId) -> None:
    """Record which payment the order has. An order that waits for it holds its stock for the full time from now on."""
    order = Order.objects.get(pk=order_id)
    fields: dict[str, Any] = {"payment": payment}
    if order.expires_at is not None:
        full_hold = order.created_at + timedelta(seconds=settings.ORDER_HOLD_SECONDS)
        fields["expires_at"] = max(order.expires_at, full_hold)
    Order.objects.filter(pk=order_id).update(**fields)


@transactional("orders.mark_processing")
def mark_processing(*, order_id: ObjectId) -> None:
    """The bank is working on it: the order waits, and does not expire meanwhile."""
    order = Order.objects.get(pk=order_id)
    if order.status == OrderStatus.PENDING and order.payment_status in (PaymentStatus.UNPAID, PaymentStatus.FAILED):
        _move(
            order,
            {"payment_status": PaymentStatus.PROCESSING},
            event=Event.PAYMENT_PROCESSING,
            actor=Actor.STRIPE,
        )


@transactional("orders.mark_payment_failed")
def mark_payment_failed(*, order_id: ObjectId, detail: str, is_news: bool = True) -> None:
    """An attempt to pay failed; another one may follow until the order expires. The timeline tells what is news."""
    order = Order.objects.get(pk=order_id)
    if order.status != OrderStatus.PENDING or not order.is_payable:
        return
    failed = {"payment_status": PaymentStatus.FAILED}
    if is_news:
        _move(order, failed, event=Event.PAYMENT_FAILED, detail=detail, actor=Actor.STRIPE)
        tell_customer(order, Event.PAYMENT_FAILED)
    else:
        Order.objects.filter(pk=order.pk).update(**failed)


@transactional("orders.mark_payment_closed")
def mark_payment_closed(*, order_id: ObjectId) -> None:
    """The payment was given up at Stripe: an order that waited for the bank does not wait any more."""
    order = Order.objects.get(pk=order_id)
    if order.status == OrderStatus.PENDING and order.payment_status == PaymentStatus.PROCESSING:
        _move(
            order,
            {"payment_status": PaymentStatus.FAILED},
            event=Event.PAYMENT_FAILED,
            detail="The payment was cancelled.",
            actor=Actor.STRIPE,
        )
        tell_customer(order, Event.PAYMENT_FAILED)


@transactional("orders.mark_paid")
def mark_paid(*, order_id: ObjectId, detail: str = "") -> bool:
    """The money is in: complete a pending order. Return False where the order is cancelled and must be refunded.

    Nothing undoes ``paid`` but a refund or a dispute, so a repeated or late call changes nothing; a refund or a
    dispute that was heard of before stays.
    """
    order = Order.objects.get(pk=order_id)
    moved: dict[str, Any] = {}
    if order.paid_at is None:
        moved.update(paid_at=timezone.now(), paid_on=days.today())
    if order.payment_status in (PaymentStatus.UNPAID, PaymentStatus.PROCESSING, PaymentStatus.FAILED):
        moved["payment_status"] = order.payment_status_after_refunds
    completes = order.status == OrderStatus.PENDING
    if completes:
        moved.update(status=OrderStatus.COMPLETED, expires_at=None, placed_from="")
    if moved:
        _move(order, moved, event=Event.PAID, detail=detail, actor=Actor.STRIPE)
    if completes:
        tell_customer(order, Event.PAID)
        notify_staff(order)
    return order.status != OrderStatus.CANCELLED


@transactional("orders.record_refund")
def record_refund(*, order_id: ObjectId, refund: ObjectId, amount: Decimal, status: str, actor: Actor) -> None:
    """Show a refund, or its new status, on the order. The payment status follows from all of them together."""
    order = Order.objects.get(pk=order_id)
    entry = next((entry for entry in order.refunds if entry.refund == refund), None)
    if entry is None:
        entry = RefundEntry(refund=refund, amount=amount, status="")
        order.refunds.append(entry)
    if entry.status == status:
        return
    succeeded_now = status == "succeeded"
    entry.status = status
    fields: dict[str, Any] = {"refunds": order.refunds}
    if order.payment_status in (PaymentStatus.PAID, PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED):
        fields["payment_status"] = order.payment_status_after_refunds
    if succeeded_now:
        _move(
            order,
            fields,
            event=Event.REFUNDED,
            detail=f"{money.display(amount, order.currency)} {order.currency.upper()}",
            actor=actor,
        )
        tell_customer(order, Event.REFUNDED, refund=str(refund))
    else:
        # A refund that failed after it had succeeded: the purchase stands again.
        _write(order, fields)


@transactional("orders.record_dispute")
def record_dispute(*, order_id: ObjectId, event: Event, detail: str) -> None:
    """A customer's bank took the money back (``DISPUTED``), or the matter was decided (``DISPUTE_WON``, ``_LOST``)."""
    order = Order.objects.get(pk=order_id)
    entry = TimelineEntry(event=event, detail=detail, actor=Actor.STRIPE)
    if any((known.event, known.detail) == (event, detail) for known in order.timeline):
        return
    stands = disputes_that_stand([*order.timeline, entry])
    fields = {"payment_status": PaymentStatus.DISPUTED if stands else order.payment_status_after_refunds}
    _move(order, fields, event=event, detail=detail, actor=Actor.STRIPE)


def disputes_that_stand(timeline: Iterable[TimelineEntry]) -> set[str]:
    """Return the disputes that are open or lost. A payment may have several, and their events come in any order."""
    about: dict[str, set[str]] = defaultdict(set)
    for entry in timeline:
        if entry.event in (Event.DISPUTED, Event.DISPUTE_WON, Event.DISPUTE_LOST):
            about[entry.detail].add(entry.event)
    return {dispute for dispute, events in about.items() if Event.DISPUTE_WON not in events}


@transactional("orders.flag")
def flag(*, order_id: ObjectId, detail: str) -> None:
    """Mark an order for people to look at: something about its money does not match."""
    order = Order.objects.get(pk=order_id)
    if not any(entry.event == Event.FLAGGED and entry.detail == detail for entry in order.timeline):
        _move(order, {"flagged": True, "flag_settled": False}, event=Event.FLAGGED, detail=detail, actor=Actor.STRIPE)


@transactional("orders.settle_flag")
def settle_flag(*, order: Order, note: str, actor: Actor) -> Order:
    """Note that people have looked into all that an order was flagged for. Raises :class:`NoOpenFlag`."""
    order = Order.objects.get(pk=order.pk)
    if not order.has_open_flag:
        raise NoOpenFlag
    _move(order, {"flag_settled": True}, event=Event.FLAG_SETTLED, detail=note, actor=actor)
    return order


def count_sales(order: Order, *, sign: int = 1) -> None:
    """Inside a transaction: let a job count the order's pieces as sold, or take them back with ``sign=-1``."""
    jobs.enqueue(
        "catalog.count_sales",
        quantities={str(line.variant): sign * line.quantity for line in order.lines},
    )


# --- Fulfilment -------------------------------------------------------------------------------------------------------


@transactional("orders.fulfil")
def fulfil_order(
    *, order: Order, status: FulfilmentStatus, carrier: str = "", tracking_number: str = "", actor: Actor = Actor.STAFF
) -> Order:
    """Note that a completed order was shipped, or that a shipped one arrived. Raises :class:`OrderNotFulfillable`."""
    order = Order.objects.get(pk=order.pk)
    before = FulfilmentStatus.UNFULFILLED if status == FulfilmentStatus.SHIPPED else FulfilmentStatus.SHIPPED
    if not order.has_its_money or order.status != OrderStatus.COMPLETED or order.fulfilment_status != before:
        raise OrderNotFulfillable
    fields: dict[str, Any] = {"fulfilment_status": status}
    if carrier:
        fields["carrier"] = carrier
    if tracking_number:
        fields["tracking_number"] = tracking_number
    detail = " ".join(part for part in (carrier, tracking_number) if part)
    _move(order, fields, event=Event(status), detail=detail, actor=actor)
    if status == FulfilmentStatus.SHIPPED:
        tell_customer(order, Event.SHIPPED)
    return order


# --- Detaching and erasing --------------------------------------------------------------------------------------------


def settle_for_leaving_customer(*, user: User) -> None:
    """Cancel the unpaid orders of a person who is about to leave: nobody could receive them, or be asked.

    Raises ``PaymentProcessing``, or a 503 where Stripe cannot be asked.
    """
    for order in Order.objects.owned_by(user).filter(status=OrderStatus.PENDING):
        cancel_order(order=order, reason="The account was deleted.", actor=Actor.CUSTOMER)


def forget_customer(*, user: User) -> None:
    """Detach the orders of a person whose account is being deleted.

    Personal data is erased as soon as nothing will be sent, see :func:`erase_detached_orders`. Raises
    :class:`OrderNotCancellable` if an order was placed since the open ones were cancelled.
    """
    if Order.objects.owned_by(user).filter(status=OrderStatus.PENDING).exists():
        raise OrderNotCancellable("An order was placed just now. Cancel it first.")
    detach_orders(user=user)


def detach_orders(*, user: User) -> None:
    """Separate a user's orders from the account, inside the transaction that deletes it or hands it over.

    Paid orders belong to the person who paid: they are still sent, and no longer shown in the account. Unpaid ones are
    cancelled by jobs, because Stripe may have to be asked.
    """
    own = Order.objects.owned_by(user)
    finished = [order.pk for order in own if order.has_nothing_to_send][:ERASED_PER_RUN]
    for pk in own.filter(status=OrderStatus.PENDING).values_list("pk", flat=True):
        jobs.enqueue("orders.cancel_detached", order=str(pk))
    own.update(user=None, detached_at=timezone.now())
    for order in Order.objects.filter(pk__in=finished):
        _erase(order)


@jobs.handler("orders.cancel_detached")
def _cancel_detached(*, order: str) -> None:
    row = Order.objects.filter(pk=order, status=OrderStatus.PENDING).first()
    if row is None or row.detached_at is None:
        return
    try:
        cancel_order(order=row, reason="The account changed hands.", actor=Actor.SYSTEM)
    except PaymentProcessing as error:
        raise jobs.Postpone(HOLD_EXTENSION.total_seconds()) from error
    except OrderNotCancellable:
        # Paid or cancelled in the meantime.
        return


@jobs.every(60, name="orders.erase_detached")
def erase_detached_orders(*, limit: int = ERASED_PER_RUN) -> int:
    """Erase the personal data of detached orders that need it no more; return how many were erased.

    That is as soon as nothing will be sent (cancelled, refunded or delivered), and after ``ERASURE_GRACE_DAYS`` in any
    case: for parcels that were never marked as delivered, for disputes, and for orders that nobody ever sent.
    """
    erased = 0
    due = Order.objects.due_for_erasure().order_by("detached_at").values_list("pk", flat=True)
    for pk in list(due[:limit]):
        try:
            erased += _erase_if_due(order_id=pk)
        except TransactionContention:
            continue
        except Exception:
            logger.exception("order_erasure_failed", order=str(pk))
    return erased


@transactional("orders.erase")
def _erase_if_due(*, order_id: ObjectId) -> bool:
    order = Order.objects.due_for_erasure().filter(pk=order_id).first()
    if order is None:
        return False
    if order.status == OrderStatus.COMPLETED and order.is_cancellable and not order.has_nothing_to_send:
        # Staff have to know: it can only be refunded now.
        detail = "Its customer left and the address was erased before it was sent. Cancel it to refund the customer."
        _move(order, {"flagged": True, "flag_settled": False}, event=Event.FLAGGED, detail=detail, actor=Actor.SYSTEM)
    _erase(order)
    return True


def _erase(order: Order) -> None:
    """Inside a transaction: remove everything personal from a detached order, and from what others keep about it."""
    fields = _erased_fields(order)
    Order.objects.filter(pk=order.pk).update(**fields)
    for name, value in fields.items():
        setattr(order, name, value)
    hooks.on_erased(order=order)


def personal_data_of(order: Order) -> list[str]:
    """Return the names of the fields that an erased order should not have."""
    address = order.shipping_address
    left = [name for name in ("note", "tracking_number") if getattr(order, name)]
    if address and any(getattr(address, name) for name in Address.POSTAL_FIELDS if name not in ("country", "state")):
        left.append("shipping_address")
    if any(_is_typed(entry) and entry.detail for entry in order.timeline):
        left.append("timeline")
    return left


def _is_typed(entry: TimelineEntry) -> bool:
    return entry.event in TYPED_EVENTS and entry.actor != Actor.SYSTEM


def _erased_fields(order: Order) -> dict[str, Any]:
    """Return the fields to write so that the order holds nothing of its customer but what taxes need."""
    address = order.shipping_address
    for entry in order.timeline:
        if _is_typed(entry):
            entry.detail = ""
    return {
        "shipping_address": address
        and PostalAddress(name="", line1="", city="", country=address.country, state=address.state),
        "note": "",
        "tracking_number": "",
        "timeline": order.timeline,
        "erased_at": order.erased_at or timezone.now(),
    }


# --- The one way to move ----------------------------------------------------------------------------------------------


def _move(order: Order, fields: Mapping[str, Any], *, event: Event, actor: Actor, detail: str = "") -> None:
    """Write ``fields`` and a line of the timeline, and set them on ``order``.

    ``order`` was read in the running transaction, so a change by anybody else in between is a write conflict, and the
    transaction runs again with what is true then.
    """
    entry = TimelineEntry(event=event, detail=detail[:500], actor=actor)
    _write(order, {**fields, "timeline": [*order.timeline, entry]})
    if order.detached_at is not None and (order.erased_at is not None or order.has_nothing_to_send):
        _erase(order)
    if actor == Actor.STAFF and event in STAFF_ACTIONS:
        staff_log.note(STAFF_ACTIONS[event], order)


def _write(order: Order, fields: Mapping[str, Any]) -> None:
    """Write ``fields`` and set them on ``order``; sales and reviews follow when that changes whether it stands."""
    for name, value in fields.items():
        setattr(order, name, value)
    changed = order.is_standing != order.counts_as_sale
    if changed:
        fields = {**fields, "counts_as_sale": order.is_standing}
        order.counts_as_sale = order.is_standing
    Order.objects.filter(pk=order.pk).update(**fields)
    if changed:
        count_sales(order, sign=1 if order.counts_as_sale else -1)
        check_reviews_later(order)
