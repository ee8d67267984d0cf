"""Compare Stripe with the database and repair missed changes. Concurrent runs are safe."""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from bson import ObjectId
from django.db.models import Q
from django.utils import timezone

from orders.lifecycle import EVER_PAID_STATUSES
from orders.models import Order
from payments import gateway, refunds, services, transitions
from payments.errors import StripeRefused
from payments.models import Payment, Refund, StripeEvent
from payments.transitions import FINAL, StripeObject
from shop import jobs

logger = structlog.get_logger(__name__)

# Younger objects may have calls and webhooks under way.
MIN_AGE = timedelta(minutes=5)
EVERY_SECONDS = 3600
WINDOW = timedelta(days=2)


@dataclass
class Report:
    """Problems need manual action."""

    intents: int = 0
    payments: int = 0
    repaired: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def reconcile(*, since: datetime, until: datetime | None = None) -> Report:
    """Compare payments of this window, and resend pending refunds of any age. Raises ``StripeUnavailable``."""
    until = until or timezone.now() - MIN_AGE
    report = Report()
    seen: set[ObjectId] = set()
    for intent in gateway.list_intents(since=since, until=until):
        report.intents += 1
        payment = Payment.objects.filter(intent=intent["id"]).first() or transitions.payment_in_metadata(intent)
        if payment is None:
            if intent["status"] == "succeeded" and "payment" in (intent.get("metadata") or {}):
                report.problems.append(f"{intent['id']} received {intent['amount_received']} without an order")
            continue
        seen.add(payment.pk)
        _compare(payment, intent, report)
    # The intent of a payment in the window may be outside.
    for payment in Payment.objects.filter(created_at__gte=since, created_at__lte=until).exclude(pk__in=seen):
        _look_up(payment, report)
    _compare_orders(since, until, report)
    for refund in refunds.resend_refunds(before=until):
        report.repaired.append(f"a refund of {refund.payment_id} was never sent and was sent now")
    return report


@jobs.every(EVERY_SECONDS, name="payments.reconcile")
def reconcile_recent() -> Report:
    report = reconcile(since=timezone.now() - WINDOW)
    for line in report.repaired:
        logger.warning("reconciliation_repaired", finding=line)
    for line in report.problems:
        logger.error("reconciliation_found_problems", finding=line)
    return report


def _look_up(payment: Payment, report: Report) -> None:
    if payment.intent:
        try:
            _compare(payment, gateway.retrieve_intent(payment.intent), report)
        except StripeRefused as error:
            # Deleted, or of another account.
            report.problems.append(f"{payment.order_number}: {error}")
    elif intent := gateway.find_intent(payment=str(payment.pk), since=payment.created_at):
        _compare(payment, intent, report)


def _compare(payment: Payment, intent: StripeObject, report: Report) -> None:
    report.payments += 1
    if payment.intent not in ("", intent["id"]):
        report.problems.append(f"{payment.order_number} has {payment.intent}, but {intent['id']} refers to it too")
        return
    before = _state(payment)
    _compare_status(payment, intent, report)
    if intent["status"] == "succeeded":
        _compare_charge(payment, intent, report)
    payment.refresh_from_db()
    if (after := _state(payment)) != before:
        report.repaired.append(f"{payment.order_number}: {before} became {after}")


def _compare_status(payment: Payment, intent: StripeObject, report: Report) -> None:
    known, true = payment.status, intent["status"]
    if known in FINAL:
        if known != true:
            report.problems.append(f"{payment.order_number} is {known} here, but {true} at Stripe")
    elif payment.intent and true not in FINAL and known != true:
        # The listed intent may be outdated.
        services.refresh_intent(intent=payment.intent)
    else:
        with suppress(transitions.StaleAnswer):
            outcome = transitions.apply_intent(intent, as_of=payment.revision)
            if outcome.status == StripeEvent.Status.FLAGGED:
                report.problems.append(f"{payment.order_number}: {outcome.detail}")


def _compare_charge(payment: Payment, intent: StripeObject, report: Report) -> None:
    """Fetch refunds and disputes only if the charge's totals differ.

    ``payment.intent`` may be empty: the response was lost, or the intent does not match.
    """
    charge = intent.get("latest_charge") or {}
    refunds = Refund.objects.filter(payment=payment)
    sent = refunds.exclude(stripe_refund=None)
    final = (Refund.Status.SUCCEEDED, *Refund.FAILED)
    refunded = sum(refund.amount for refund in sent.filter(status=Refund.Status.SUCCEEDED))
    if charge.get("amount_refunded") != refunded or sent.exclude(status__in=final).exists():
        found = gateway.list_refunds(intent["id"])
        for refund in found:
            transitions.apply_refund(refund)
        unknown = sent.exclude(stripe_refund__in=[refund["id"] for refund in found])
        for row in unknown.exclude(status__in=Refund.FAILED):
            report.problems.append(f"{payment.order_number}: Stripe does not know the refund {row}")
    if charge.get("disputed"):
        for dispute in gateway.list_disputes(intent["id"]):
            transitions.apply_dispute(dispute)


def _state(payment: Payment) -> str:
    order = Order.objects.get(pk=payment.order_id)
    refunds = Refund.objects.filter(payment=payment).order_by("id").values_list("amount", "status")
    refund_states = ", ".join(f"refund of {amount} {status}" for amount, status in refunds)
    return " ".join(
        part
        for part in (order.status, order.payment_status, payment.status, str(payment.amount_received), refund_states)
        if part
    )


def _compare_orders(since: datetime, until: datetime, report: Report) -> None:
    paid = Q(payment_status__in=EVER_PAID_STATUSES, total__gt=0)
    for order in Order.objects.filter(paid, created_at__gte=since, created_at__lte=until).iterator():
        payment = Payment.objects.filter(order=order).first()
        if payment is None or payment.status != "succeeded":
            report.problems.append(f"{order.number} is {order.payment_status}, but has no payment at Stripe")
