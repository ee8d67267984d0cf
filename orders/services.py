"""Changes of orders: cancelling, payments, fulfilment. Concurrent ones conflict and are retried."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from bson import ObjectId
from django.conf import settings
from django.utils import timezone

from cart.promotions import uses
from catalog import stock
from catalog.models import StockMovement
from orders import hooks
from orders.changes import record_refund_of, record_updates
from orders.events import DISPUTE_EVENTS, Actor, Event
from orders.invoices.issuing import issue_later
from orders.models import Order, TimelineEntry
from orders.refund_entries import DisputeEntry, RefundEntry
from orders.refunds import PricedRefund, take_back
from orders.reports.totals import day_of, mark_changed
from orders.returns.states import fields_after_refund
from orders.staff import acting_staff_id
from orders.statuses import AFTER_PAYMENT, PAYABLE_STATUSES, OrderStatus, PaymentStatus
from orders.transitions import require_allowed, transition, transition_all, write_fields
from shop import days, money
from shop.db.transactions import transactional

# While the payment is processed, or the payment provider is unavailable.
HOLD_EXTENSION = timedelta(minutes=5)

# --- Cancelling -------------------------------------------------------------------------------------------------------


def cancel_order(*, order: Order, reason: str = "", actor: Actor) -> None:
    """Cancel and refund. Raises ``OrderNotCancellable``, ``PaymentProcessing``, ``ServiceUnavailable``."""
    require_allowed(order, Event.CANCELLED)
    hooks.before_cancel(order=order)
    _cancel(order_id=order.pk, detail=reason, actor=actor)


@transactional("orders.cancel")
def _cancel(*, order_id: ObjectId, detail: str, actor: Actor) -> None:
    order = Order.objects.get(pk=order_id)
    # Orders that their customers cancel unpaid count in the limits of `orders.holds`.
    is_given_up = order.status == OrderStatus.PENDING and actor == Actor.CUSTOMER
    close_orders([order], Event.CANCELLED, is_given_up=is_given_up, detail=detail, actor=actor)
    if order.amount_due:
        waive_amount_due(order)


def waive_amount_due(order: Order) -> None:
    write_fields(order, {"amount_due": money.ZERO, "adjustment": order.adjustment + order.amount_due})


def close_orders(orders: Sequence[Order], event: Event, *, is_given_up: bool, detail: str, actor: Actor) -> None:
    """Also release stock and uses of promotions. Read the orders in the same transaction."""
    fields: dict[str, Any] = {"expires_at": None}
    fields |= {"expired_at": timezone.now()} if is_given_up else {"placed_from": ""}
    transition_all(orders, event, actor=actor, detail=detail, fields=fields)
    uses.release(order_numbers=[order.number for order in orders])
    for order in orders:
        # None means that no payment exists: both are written in one transaction.
        if order.payment is not None:
            hooks.on_cancelled(order=order)
    # Stock last: this write never fails, and other transactions wait for the variants.
    reason = StockMovement.Reason.EXPIRY if event == Event.EXPIRED else StockMovement.Reason.CANCELLATION
    stock.release({order.number: order.sold_units for order in orders}, reason=reason)


def cancel_unpaid_order(*, order: Order, detail: str, flag_detail: str) -> bool:
    """Also flag the order; return False if it was paid first.

    Raises ``PaymentProcessing``, ``ServiceUnavailable``.
    """
    hooks.before_cancel(order=order)
    return _cancel_unpaid(order_id=order.pk, detail=detail, flag_detail=flag_detail)


@transactional("orders.cancel_unpaid")
def _cancel_unpaid(*, order_id: ObjectId, detail: str, flag_detail: str) -> bool:
    order = Order.objects.get(pk=order_id)
    # A dispute may be reported before the payment.
    if order.status != OrderStatus.PENDING or order.is_disputed:
        return False
    close_orders([order], Event.CANCELLED, is_given_up=False, detail=detail, actor=Actor.SYSTEM)
    flag(order_id=order_id, detail=flag_detail)
    return True


# --- Payments ---------------------------------------------------------------------------------------------------------


@transactional("orders.attach_payment")
def attach_payment(*, order_id: ObjectId, payment: ObjectId) -> None:
    """Record the payment; extend an open hold to ``ORDER_HOLD_SECONDS``."""
    order = Order.objects.get(pk=order_id)
    full_hold = order.created_at + timedelta(seconds=settings.ORDER_HOLD_SECONDS)
    expires_at = order.expires_at and max(order.expires_at, full_hold)
    Order.objects.filter(pk=order_id).update(payment=order.payment or payment, expires_at=expires_at)
    record_updates(order)


@transactional("orders.mark_processing")
def mark_processing(*, order_id: ObjectId) -> None:
    order = Order.objects.get(pk=order_id)
    if order.allows(Event.PAYMENT_PROCESSING):
        transition(order, Event.PAYMENT_PROCESSING, actor=Actor.STRIPE)


@transactional("orders.mark_payment_failed")
def mark_payment_failed(*, order_id: ObjectId, detail: str, is_new_attempt: bool = True) -> None:
    """Record a failed attempt, in the timeline if it is new."""
    order = Order.objects.get(pk=order_id)
    if not order.allows(Event.PAYMENT_FAILED):
        return
    if is_new_attempt:
        transition(order, Event.PAYMENT_FAILED, actor=Actor.STRIPE, detail=detail)
    elif order.payment_status != PaymentStatus.FAILED:
        Order.objects.filter(pk=order.pk).update(payment_status=PaymentStatus.FAILED)
        record_updates(order)


@transactional("orders.mark_payment_closed")
def mark_payment_closed(*, order_id: ObjectId) -> None:
    """Record that the payment was cancelled."""
    order = Order.objects.get(pk=order_id)
    if order.payment_status == PaymentStatus.PROCESSING and order.allows(Event.PAYMENT_FAILED):
        transition(order, Event.PAYMENT_FAILED, actor=Actor.STRIPE, detail="The payment was cancelled.")


@transactional("orders.mark_paid")
def mark_paid(*, order_id: ObjectId, received: Decimal | None = None, detail: str = "") -> bool:
    """Return False if the order is cancelled and must be refunded. Idempotent.

    Refunds and disputes recorded earlier are kept. ``received`` differs from the total if the order was corrected while
    its customer paid.
    """
    order = Order.objects.get(pk=order_id)
    fields: dict[str, Any] = {}
    too_much = money.ZERO if received is None or order.paid_at is not None else received - order.total
    if too_much:
        order.amount_due, order.adjustment = max(-too_much, money.ZERO), min(-too_much, money.ZERO)
        fields.update(amount_due=order.amount_due, adjustment=order.adjustment)
    if order.paid_at is None:
        fields.update(paid_at=timezone.now(), paid_on=days.today(), invoice_due=settings.INVOICES_ENABLED)
    if order.payment_status in PAYABLE_STATUSES:
        fields["payment_status"] = order.payment_status_after_refunds
    completes = order.status == OrderStatus.PENDING
    if completes:
        fields.update(status=OrderStatus.COMPLETED, expires_at=None, placed_from="")
    if fields:
        transition(order, Event.PAID, actor=Actor.STRIPE, detail=detail, fields=fields, notify=completes)
    if "paid_at" in fields:
        issue_later(order)
        mark_changed(order.paid_on)
    if completes and too_much > 0:
        hooks.refund_difference(order=order, amount=too_much, reason="The total was lowered during the payment.")
    return order.status != OrderStatus.CANCELLED


@transactional("orders.mark_difference_paid")
def mark_difference_paid(*, order_id: ObjectId, received: Decimal, detail: str = "") -> bool:
    """Return False if the order is cancelled and must be refunded. Call it once for a payment.

    More than what is due, because it was lowered or waived during the payment, is refunded.
    """
    order = Order.objects.get(pk=order_id)
    paid = min(received, order.amount_due)
    fields = {"amount_due": order.amount_due - paid, "adjustment": order.adjustment - (received - paid)}
    is_cancelled = order.status == OrderStatus.CANCELLED
    transition(order, Event.DIFFERENCE_PAID, actor=Actor.STRIPE, detail=detail, fields=fields, notify=not is_cancelled)
    if is_cancelled:
        return False
    issue_later(order)
    mark_changed(order.paid_on)
    if received > paid:
        hooks.refund_difference(order=order, amount=received - paid, reason="Less was due than paid.")
    return True


@transactional("orders.record_refund")
def record_refund(
    *,
    order_id: ObjectId,
    refund: ObjectId,
    amount: Decimal,
    status: str,
    actor: Actor,
    reason: str = "",
    part: PricedRefund | None = None,
    is_difference: bool = False,
) -> None:
    """Derive the payment status from all refunds. ``part`` is what a new refund by line is for.

    ``is_difference``: a new refund gives back what was paid beyond the price.
    """
    order = Order.objects.get(pk=order_id)
    entry = next((entry for entry in order.refunds if entry.refund == refund), None)
    if entry is None:
        staff = acting_staff_id() if actor == Actor.STAFF else None
        entry = RefundEntry(
            refund=refund, amount=amount, status="", staff=staff, reason=reason, is_difference=is_difference
        )
        if part is not None:
            take_back(order, part.lines)
            entry.lines, entry.shipping = list(part.lines), part.shipping
        order.refunds.append(entry)
    if entry.status == status:
        return
    was_succeeded = entry.status == "succeeded"
    entry.status = status
    fields: dict[str, Any] = {"refunds": order.refunds, **fields_after_refund(order, refund, status=status)}
    if order.payment_status in AFTER_PAYMENT:
        fields["payment_status"] = order.payment_status_after_refunds
    for each in order.returns:
        if each.refund == refund:
            record_refund_of(order, each)
    if status == "succeeded":
        detail = f"{money.display(amount, order.currency)} {order.currency.upper()}"
        transition(order, Event.REFUNDED, actor=actor, detail=detail, fields=fields, refund=entry)
    else:
        # If a refund fails after success, the order counts as a sale again.
        write_fields(order, fields)
    if was_succeeded or status == "succeeded" or entry.is_difference:
        issue_later(order)
        mark_changed(day_of(entry.created_at), order.paid_on if entry.is_difference else None)


@transactional("orders.record_dispute")
def record_dispute(*, order_id: ObjectId, event: Event, dispute: DisputeEntry) -> None:
    """Events arrive in any order: those with an outdated status change nothing but the timeline."""
    order = Order.objects.get(pk=order_id)
    detail = dispute.dispute
    before = [known for known in order.disputes if known.dispute == detail]
    if all(known.rank < dispute.rank for known in before):
        dispute.lost_at = timezone.now() if event == Event.DISPUTE_LOST else None
        order.disputes = [*(known for known in order.disputes if known.dispute != detail), dispute]
        write_fields(order, {"disputes": order.disputes})
        mark_changed(*(day_of(each.lost_at) for each in (*before, dispute) if each.lost_at))
    entry = TimelineEntry(event=event, detail=detail, actor=Actor.STRIPE)
    if any((known.event, known.detail) == (event, detail) for known in order.timeline):
        return
    is_disputed = has_open_or_lost_dispute([*order.timeline, entry])
    fields = {"payment_status": PaymentStatus.DISPUTED if is_disputed else order.payment_status_without_disputes}
    transition(order, event, actor=Actor.STRIPE, detail=detail, fields=fields)


def has_open_or_lost_dispute(timeline: Sequence[TimelineEntry]) -> bool:
    """Return whether a dispute is open or lost. Their events arrive in any order."""
    disputes = {entry.detail for entry in timeline if entry.event in DISPUTE_EVENTS}
    won = {entry.detail for entry in timeline if entry.event == Event.DISPUTE_WON}
    return disputes != won


@transactional("orders.flag")
def flag(*, order_id: ObjectId, detail: str) -> None:
    order = Order.objects.get(pk=order_id)
    if not any(entry.event == Event.FLAGGED and entry.detail == detail for entry in order.timeline):
        transition(order, Event.FLAGGED, actor=Actor.STRIPE, detail=detail)


@transactional("orders.settle_flag")
def resolve_flag(*, order: Order, note: str) -> None:
    """Resolve all flags. Raises ``NoOpenFlag``."""
    transition(Order.objects.get(pk=order.pk), Event.FLAG_SETTLED, actor=Actor.STAFF, detail=note)
