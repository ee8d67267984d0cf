"""Comparing Stripe with the database: what webhooks missed is healed, what cannot be is told.

Everything is applied by `payments.transitions`, so doing it twice, or while webhooks arrive, changes nothing more.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bson import ObjectId
from django.db.models import Q
from django.utils import timezone

from orders.models import WAS_PAID, Order
from payments import gateway, transitions
from payments.models import Payment, Refund, StripeEvent
from payments.transitions import FINAL, StripeObject
from shop import jobs

# What a call or a webhook under way may take to arrive; younger things are not compared yet.
SETTLING = timedelta(minutes=5)
EVERY_SECONDS = 3600
WINDOW = timedelta(days=2)


@dataclass
class Report:
    """What was compared, what was healed (one sentence each) and what people have to look at."""

    intents: int = 0
    payments: int = 0
    healed: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def reconcile(*, since: datetime, until: datetime | None = None) -> Report:
    """Compare everything that was made from ``since`` to ``until`` (five minutes ago unless named).

    Raises ``StripeUnavailable``.
    """
    until = until or timezone.now() - SETTLING
    report = Report()
    seen: set[ObjectId] = set()
    for intent in gateway.list_intents(since=since, until=until):
        report.intents += 1
        payment = _payment_of(intent)
        if payment is None:
            if intent["status"] == "succeeded" and "payment" in (intent.get("metadata") or {}):
                report.problems.append(f"{intent['id']} brought {intent['amount_received']}, and there is no order")
            continue
        seen.add(payment.pk)
        _compare(payment, intent, report)
    # An intent may be older than its payment's row looks, or younger than the window: ask for those by name.
    for payment in Payment.objects.filter(created_at__gte=since, created_at__lte=until).exclude(pk__in=seen):
        _look_up(payment, report)
    _compare_orders(since, until, report)
    return report


@jobs.every(EVERY_SECONDS, name="payments.reconcile")
def reconcile_lately() -> Report:
    """Compare the last two days; the worker does so every hour."""
    return reconcile(since=timezone.now() - WINDOW)


def _payment_of(intent: StripeObject) -> Payment | None:
    if payment := Payment.objects.filter(intent=intent["id"]).first():
        return payment
    named = (intent.get("metadata") or {}).get("payment", "")
    return Payment.objects.filter(pk=named).first() if ObjectId.is_valid(named) else None


def _look_up(payment: Payment, report: Report) -> None:
    if payment.intent:
        _compare(payment, gateway.retrieve_intent(payment.intent), report)
    elif intent := gateway.find_intent(payment=str(payment.pk), since=payment.created_at):
        _compare(payment, intent, report)


def _compare(payment: Payment, intent: StripeObject, report: Report) -> None:
    report.payments += 1
    if payment.intent not in ("", intent["id"]):
        report.problems.append(f"{payment.order_number} has {payment.intent}, and {intent['id']} names it as well")
        return
    before = _state(payment)
    if payment.status not in FINAL or payment.status != intent["status"]:
        outcome = transitions.apply_intent(intent)
        if outcome.status == StripeEvent.Status.FLAGGED:
            report.problems.append(f"{payment.order_number}: {outcome.detail}")
    if intent["status"] == "succeeded":
        for refund in gateway.list_refunds(intent["id"]):
            transitions.apply_refund(refund)
    payment.refresh_from_db()
    if (after := _state(payment)) != before:
        report.healed.append(f"{payment.order_number}: {before} became {after}")


def _state(payment: Payment) -> str:
    """Return what may have drifted, in words."""
    order = Order.objects.get(pk=payment.order_id)
    refunds = Refund.objects.filter(payment=payment).order_by("id").values_list("amount", "status")
    told = ", ".join(f"refund of {amount} {status}" for amount, status in refunds)
    return " ".join(
        part
        for part in (order.status, order.payment_status, payment.status, str(payment.amount_received), told)
        if part
    )


def _compare_orders(since: datetime, until: datetime, report: Report) -> None:
    paid = Q(payment_status__in=WAS_PAID, total__gt=0)
    for order in Order.objects.filter(paid, created_at__gte=since, created_at__lte=until).iterator():
        payment = Payment.objects.filter(order=order).first()
        if payment is None or payment.status != "succeeded":
            report.problems.append(f"{order.number} is {order.payment_status}, and Stripe has no money for it")
