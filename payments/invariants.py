"""What must always be true of money."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta

from django.utils import timezone

from orders.models import WAS_PAID, Order, OrderStatus
from payments.models import Payment, Refund, StripeEvent
from shop import money
from shop.audit import invariant

# How long an event may wait for its next try, and a cancelled order for its refund to be asked for.
GRACE = timedelta(minutes=2)


@invariant("an order has at most one PaymentIntent, and a PaymentIntent one order")
def one_intent_per_order() -> Iterator[str]:
    orders = Counter(Payment.objects.values_list("order", flat=True))
    intents = Counter(Payment.objects.exclude(intent="").values_list("intent", flat=True))
    for what, count in (orders + intents).items():
        if count > 1:
            yield f"{what} stands in {count} payments"


@invariant("a paid order has its money, and money has its paid order")
def paid_orders_have_money() -> Iterator[str]:
    payments = {payment.order_id: payment for payment in Payment.objects.iterator()}
    for order in Order.objects.iterator():
        payment = payments.pop(order.pk, None)
        received = payment.amount_received if payment else 0
        owed = money.to_minor_units(order.total, order.currency)
        if order.payment_status in WAS_PAID and received != owed:
            yield f"{order.number} is {order.payment_status}, {received} of {owed} came in"
        if received and order.payment_status not in WAS_PAID:
            yield f"{order.number} is {order.payment_status}, and {received} came in"
        if payment is not None and order.payment != payment.pk:
            yield f"{order.number} does not know its payment {payment.pk}"
    for payment in payments.values():
        yield f"the payment {payment.pk} belongs to no order"


@invariant("refunds never exceed what was captured, and are counted right")
def refunds_are_covered() -> Iterator[str]:
    refunded: dict = defaultdict(int)
    for refund in Refund.objects.standing().iterator():
        refunded[refund.payment_id] += refund.amount
    for payment in Payment.objects.iterator():
        total = refunded.pop(payment.pk, 0)
        if total > payment.amount_received:
            yield f"{payment} brought {payment.amount_received}, and {total} went back"
        if total != payment.amount_refunded:
            yield f"{payment} says that {payment.amount_refunded} went back, its refunds {total}"


@invariant("the money of a cancelled order goes back")
def cancelled_orders_are_refunded() -> Iterator[str]:
    recent = timezone.now() - GRACE
    for payment in Payment.objects.filter(amount_received__gt=0, updated_at__lt=recent).iterator():
        order = Order.objects.get(pk=payment.order_id)
        if order.status == OrderStatus.CANCELLED and not order.flagged and payment.refundable:
            yield f"{order.number} is cancelled, and {payment.refundable} of its money is still here"


@invariant("no event of Stripe's is left lying")
def events_are_applied() -> Iterator[str]:
    waiting = (StripeEvent.Status.RECEIVED, StripeEvent.Status.FAILED)
    late = timezone.now() - GRACE
    for event in StripeEvent.objects.filter(status__in=waiting, received_at__lt=late).iterator():
        yield f"{event}: {event.detail or 'not tried yet'}"
