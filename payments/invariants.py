from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from orders.lifecycle import EVER_PAID_STATUSES, Actor, OrderStatus
from orders.models import Order
from payments.currencies import to_minor_units
from payments.event_payload import stored_part
from payments.models import Payment, Refund, StripeEvent
from shop.audit import invariant
from shop.jobs import Job

# Time allowed for an event's retry and a cancelled order's refund.
GRACE = timedelta(minutes=2)
# Time allowed for a worker outage.
ERASURE_DELAY = timedelta(days=1)


@invariant("an order has at most one PaymentIntent, and a PaymentIntent one order")
def one_intent_per_order() -> Iterator[str]:
    orders = Counter(Payment.objects.values_list("order", flat=True))
    intents = Counter(Payment.objects.exclude(intent="").values_list("intent", flat=True))
    for what, count in (orders + intents).items():
        if count > 1:
            yield f"{what} is in {count} payments"


@invariant("paid orders and received payments match one to one")
def paid_orders_have_money() -> Iterator[str]:
    payments = {payment.order_id: payment for payment in Payment.objects.iterator()}
    for order in Order.objects.iterator():
        payment = payments.pop(order.pk, None)
        received = payment.amount_received if payment else 0
        owed = to_minor_units(order.total, order.currency)
        if order.payment_status in EVER_PAID_STATUSES and received != owed and not order.flagged:
            yield f"{order.number} is {order.payment_status}, but received {received} of {owed}"
        if received and order.payment_status not in EVER_PAID_STATUSES:
            yield f"{order.number} is {order.payment_status}, but received {received}"
        if payment is not None and order.payment != payment.pk:
            yield f"{order.number} does not reference its payment {payment.pk}"
    for payment in payments.values():
        yield f"the payment {payment.pk} belongs to no order"


@invariant("a payment's amount is its order's total")
def payments_ask_for_the_total() -> Iterator[str]:
    totals = {order.pk: to_minor_units(order.total, order.currency) for order in Order.objects.iterator()}
    for payment in Payment.objects.iterator():
        total = totals.get(payment.order_id)
        if payment.amount != total:
            yield f"{payment.order_number} has the total {total}, but its payment has the amount {payment.amount}"


@invariant("refunds never exceed the captured amount, and their sum is right")
def refunds_are_covered() -> Iterator[str]:
    reserved: dict = defaultdict(int)
    refunded: dict = defaultdict(int)
    for refund in Refund.objects.not_failed().iterator():
        reserved[refund.payment_id] += refund.amount
        refunded[refund.payment_id] += refund.amount * (refund.status == Refund.Status.SUCCEEDED)
    # A payment that does not match is not in `amount_received`; staff refund it in Stripe's dashboard.
    flagged = set(Order.objects.filter(flagged=True).values_list("pk", flat=True))
    for payment in Payment.objects.iterator():
        if refunded[payment.pk] > payment.amount_received and payment.order_id not in flagged:
            yield f"{payment} received {payment.amount_received}, but {refunded[payment.pk]} was refunded"
        if reserved[payment.pk] != payment.amount_refunded:
            yield f"{payment} has {payment.amount_refunded} refunded, but its refunds add up to {reserved[payment.pk]}"


@invariant("an order shows the refunds of its payment")
def orders_show_their_refunds() -> Iterator[str]:
    made: dict = defaultdict(dict)
    for refund in Refund.objects.iterator():
        made[refund.payment_id][refund.pk] = refund.status
    for order in Order.objects.iterator():
        shown = {entry.refund: entry.status for entry in order.refunds}
        if shown != made.get(order.payment, {}):
            yield f"{order.number} shows {len(shown)} refunds, but its payment has {len(made.get(order.payment, {}))}"


@invariant("every pending refund is sent to Stripe")
def refunds_are_sent() -> Iterator[str]:
    jobs = Job.objects.filter(kind="payments.send_refund", given_up_at=None)
    queued = {payload["refund"] for payload in jobs.values_list("payload", flat=True)}
    late = timezone.now() - GRACE
    unsent = Refund.objects.filter(status=Refund.Status.PENDING, stripe_refund=None, created_at__lt=late)
    for refund in unsent.iterator():
        if str(refund.pk) not in queued:
            yield f"{refund} is pending, but no job will send it"


@invariant("the payment of a cancelled order is refunded")
def cancelled_orders_are_refunded() -> Iterator[str]:
    recent = timezone.now() - GRACE
    for payment in Payment.objects.filter(amount_received__gt=0, updated_at__lt=recent).iterator():
        order = Order.objects.get(pk=payment.order_id)
        if order.status == OrderStatus.CANCELLED and not order.flagged and payment.refundable:
            yield f"{order.number} is cancelled, but {payment.refundable} was not refunded"


@invariant("every Stripe event is eventually processed")
def events_are_applied() -> Iterator[str]:
    waiting = (StripeEvent.Status.RECEIVED, StripeEvent.Status.FAILED)
    late = timezone.now() - GRACE
    for event in StripeEvent.objects.filter(status__in=waiting, received_at__lt=late).iterator():
        yield f"{event}: {event.detail or 'not processed yet'}"


@invariant("a stored event has only the fields that the shop needs")
def events_hold_no_secrets() -> Iterator[str]:
    for event in StripeEvent.objects.iterator():
        if stored_part(event.payload) != event.payload:
            yield f"{event} has other fields"


@invariant("a payment keeps its network address digest only while its attempts count")
def network_digests_are_cleared() -> Iterator[str]:
    late = timezone.now() - timedelta(seconds=settings.FAILED_PAYMENTS_WINDOW_SECONDS) - ERASURE_DELAY
    for payment in Payment.objects.filter(opened_from__gt="", updated_at__lt=late).iterator():
        yield f"{payment} has a network address digest"


@invariant("the staff's reason for a refund is erased with its order")
def refunds_of_erased_orders_have_no_reason() -> Iterator[str]:
    erased = set(Order.objects.exclude(erased_at=None).values_list("pk", flat=True))
    for payment in Payment.objects.iterator():
        if payment.order_id not in erased:
            continue
        if payment.client_secret:
            yield f"{payment} of an erased order has a client secret"
        if payment.refunds.filter(actor=Actor.STAFF).exclude(reason="").exists():
            yield f"{payment} of an erased order has a refund with a reason"
