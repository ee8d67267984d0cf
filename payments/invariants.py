from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta

from bson import ObjectId
from django.conf import settings
from django.utils import timezone

from orders.events import Actor
from orders.invoices.invariants import Unfinished
from orders.models import Order
from orders.statuses import EVER_PAID_STATUSES, OrderStatus
from payments.currencies import from_minor_units, to_minor_units
from payments.event_payload import stored_part
from payments.models import Payment, Refund, StripeEvent
from shop import money
from shop.audit import Window, invariant, invariant_over
from shop.db import documents
from shop.jobs import Job

# Time allowed for an event's retry and a cancelled order's refund.
GRACE = timedelta(minutes=2)
# Time allowed for a worker outage.
ERASURE_DELAY = timedelta(days=1)

MONEY = "paid orders and received payments match one to one"


@invariant_over(Payment, "an order has at most one PaymentIntent of its own amount, and a PaymentIntent one order")
def one_intent_per_order(payments: Window[Payment]) -> Iterator[str]:
    orders = [payment.order_id for payment in payments]
    intents = [payment.intent for payment in payments if payment.intent]
    for column, values in (("order_id", orders), ("intent", intents)):
        own_amount = {"part": {"$in": [0, None]}} if column == "order_id" else {}
        repeated = [
            {"$match": {column: {"$in": values}, **own_amount}},
            {"$group": {"_id": f"${column}", "count": {"$sum": 1}}},
            {"$match": {"count": {"$gt": 1}}},
            {"$sort": {"_id": 1}},
        ]
        for row in documents.aggregate(Payment, repeated):
            yield f"{row['_id']} is in {row['count']} payments"


@invariant_over(Order, MONEY)
def paid_orders_have_money(orders: Window[Order]) -> Iterator[str]:
    payments = orders.once(_payments)
    for order in orders:
        received = sum(payment.amount_received for payment in payments[order.pk])
        owed = to_minor_units(order.charged, order.currency)
        if order.payment_status in EVER_PAID_STATUSES and received != owed and not order.flagged:
            yield f"{order.number} is {order.payment_status}, but received {received} of {owed}"
        if received and order.payment_status not in EVER_PAID_STATUSES:
            yield f"{order.number} is {order.payment_status}, but received {received}"
        first = min(payments[order.pk], key=lambda payment: payment.part, default=None)
        if first is not None and order.payment != first.pk:
            yield f"{order.number} does not reference its payment {first.pk}"


@invariant_over(Order, "invoices less credit notes are what was received less what was refunded")
def documents_add_up_to_the_money(orders: Window[Order]) -> Iterator[str]:
    payments, unfinished = orders.once(_payments), Unfinished()
    for order in orders:
        is_pending = any(entry.is_difference and entry.status != "succeeded" for entry in order.standing_refunds)
        if order.invoice is None or is_pending:
            continue
        received = sum(payment.amount_received for payment in payments[order.pk])
        refunded = sum((entry.amount for entry in order.refunds if entry.status == "succeeded"), money.ZERO)
        left = from_minor_units(received, order.currency) - refunded
        documented = sum((entry.amount for entry in (order.invoice, *order.credit_notes)), money.ZERO)
        if documented != left and order not in unfinished:
            yield f"{order.number} has documents of {documented}, but {left} of what was received is left"


@invariant_over(Payment, MONEY)
def payments_belong_to_orders(payments: Window[Payment]) -> Iterator[str]:
    orders = payments.once(_orders)
    for payment in payments:
        if payment.order_id not in orders:
            yield f"the payment {payment.pk} belongs to no order"


@invariant_over(Payment, "a payment belongs to its order's account")
def payments_have_their_orders_account(payments: Window[Payment]) -> Iterator[str]:
    orders = payments.once(_orders)
    for payment in payments:
        order = orders.get(payment.order_id)
        # The payment of a detached order may be detached later.
        if order and order.user_id and payment.user_id != order.user_id:
            yield f"{payment.order_number} belongs to {order.user_id}, but its payment to {payment.user_id}"


@invariant_over(
    Payment, "an open payment asks for its order's total or the amount due, a successful one has received it"
)
def payments_ask_for_the_total(payments: Window[Payment]) -> Iterator[str]:
    orders = payments.once(_orders)
    for payment in payments:
        order = orders.get(payment.order_id)
        is_closing = payment.part and payment.status != "succeeded" and order is not None and not order.amount_due
        if payment.status == "canceled" or is_closing:
            # The order may have been corrected since, and asks for no payment by this one.
            continue
        asked = (order.amount_due if payment.part else order.total) if order else None
        expected = asked if asked is None else to_minor_units(asked, payment.currency)
        if payment.status == "succeeded":
            expected = payment.amount_received
        if payment.amount != expected:
            yield f"{payment.order_number} should have a payment of {expected}, but it has the amount {payment.amount}"


@invariant_over(Payment, "refunds never exceed the captured amount, and their sum is right")
def refunds_are_covered(payments: Window[Payment]) -> Iterator[str]:
    orders, refunds = payments.once(_orders), payments.once(_refunds)
    for payment in payments:
        not_failed = [refund for refund in refunds[payment.pk] if refund.status not in Refund.FAILED]
        reserved = sum(refund.amount for refund in not_failed)
        refunded = sum(refund.amount for refund in not_failed if refund.status == Refund.Status.SUCCEEDED)
        order = orders.get(payment.order_id)
        # A payment that does not match is not in `amount_received`; staff refund it in Stripe's dashboard.
        if refunded > payment.amount_received and not (order and order.flagged):
            yield f"{payment} received {payment.amount_received}, but {refunded} was refunded"
        if reserved != payment.amount_refunded:
            yield f"{payment} has {payment.amount_refunded} refunded, but its refunds add up to {reserved}"


@invariant_over(Order, "an order shows the refunds of its payment")
def orders_show_their_refunds(orders: Window[Order]) -> Iterator[str]:
    made: defaultdict[ObjectId | None, dict] = defaultdict(dict)
    in_window = [order.pk for order in orders if order.payment]
    rows = documents.views(Payment, [{"$match": {"order_id": {"$in": in_window}}}])
    order_of = {payment.pk: payment.order_id for payment in rows}
    for refund in documents.views(Refund, [{"$match": {"payment_id": {"$in": list(order_of)}}}]):
        made[order_of[refund.payment_id]][refund.pk] = refund.status
    for order in orders:
        shown = {entry.refund: entry.status for entry in order.refunds}
        if shown != made[order.pk]:
            yield f"{order.number} shows {len(shown)} refunds, but its payments have {len(made[order.pk])}"


@invariant("every pending refund is sent to Stripe")
def refunds_are_sent() -> Iterator[str]:
    jobs = Job.objects.filter(kind="payments.send_refund", given_up_at=None)
    queued = {payload["refund"] for payload in jobs.values_list("payload", flat=True)}
    late = timezone.now() - GRACE
    unsent = Refund.objects.filter(status=Refund.Status.PENDING, stripe_refund=None, created_at__lt=late)
    for refund in unsent.iterator():
        if str(refund.pk) not in queued:
            yield f"{refund} is pending, but no job will send it"


@invariant_over(Payment, "the payment of a cancelled order is refunded")
def cancelled_orders_are_refunded(payments: Window[Payment]) -> Iterator[str]:
    recent = timezone.now() - GRACE
    orders = payments.once(_orders)
    for payment in payments:
        order = orders.get(payment.order_id)
        if order is None or order.status != OrderStatus.CANCELLED or order.flagged:
            continue
        if payment.refundable and payment.updated_at < recent:
            yield f"{order.number} is cancelled, but {payment.refundable} was not refunded"


@invariant("every Stripe event is eventually processed")
def events_are_applied() -> Iterator[str]:
    waiting = (StripeEvent.Status.RECEIVED, StripeEvent.Status.FAILED)
    late = timezone.now() - GRACE
    for event in StripeEvent.objects.filter(status__in=waiting, received_at__lt=late).iterator():
        yield f"{event}: {event.detail or 'not processed yet'}"


@invariant_over(StripeEvent, "a stored event has only the fields that the shop needs")
def events_hold_no_secrets(events: Window[StripeEvent]) -> Iterator[str]:
    for event in events:
        if stored_part(event.payload) != event.payload:
            yield f"{event} has other fields"


@invariant_over(Payment, "a payment keeps its network address digest only while its attempts count")
def network_digests_are_cleared(payments: Window[Payment]) -> Iterator[str]:
    late = timezone.now() - timedelta(seconds=settings.FAILED_PAYMENTS_WINDOW_SECONDS) - ERASURE_DELAY
    for payment in payments:
        if payment.opened_from and payment.updated_at < late:
            yield f"{payment} has a network address digest"


@invariant_over(Payment, "the staff's reason for a refund is erased with its order")
def refunds_of_erased_orders_have_no_reason(payments: Window[Payment]) -> Iterator[str]:
    orders, refunds = payments.once(_orders), payments.once(_refunds)
    for payment in payments:
        order = orders.get(payment.order_id)
        if order is None or order.erased_at is None:
            continue
        if payment.client_secret:
            yield f"{payment} of an erased order has a client secret"
        if any(refund.actor == Actor.STAFF and refund.reason for refund in refunds[payment.pk]):
            yield f"{payment} of an erased order has a refund with a reason"


def _payments(orders: Window[Order]) -> defaultdict[ObjectId, list[Payment]]:
    found: defaultdict[ObjectId, list[Payment]] = defaultdict(list)
    for payment in documents.views(Payment, [{"$match": {"order_id": {"$in": [order.pk for order in orders]}}}]):
        found[payment.order_id].append(payment)
    return found


def _orders(payments: Window[Payment]) -> dict[ObjectId, Order]:
    """Read only what the checks of payments need."""
    fields = ("number", "user_id", "status", "total", "amount_due", "currency", "flagged", "erased_at")
    match = {"_id": {"$in": [payment.order_id for payment in payments]}}
    rows = documents.views(Order, [{"$match": match}, {"$project": dict.fromkeys(fields, 1)}])
    return {order.pk: order for order in rows}


def _refunds(payments: Window[Payment]) -> defaultdict[ObjectId, list[Refund]]:
    refunds: defaultdict[ObjectId, list[Refund]] = defaultdict(list)
    for refund in documents.views(Refund, [{"$match": {"payment_id": {"$in": [payment.pk for payment in payments]}}}]):
        refunds[refund.payment_id].append(refund)
    return refunds
