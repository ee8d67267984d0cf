"""Duplicates and any order of arrival end in the same state."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple, cast

from bson import ObjectId
from django.db.models import F
from django.utils import timezone

from orders import services as orders
from orders.events import Actor, Event
from orders.refund_entries import DisputeEntry
from orders.refunds import PricedRefund
from payments import declines, gateway
from payments.currencies import display_minor_units, from_minor_units
from payments.models import Payment, Refund, StripeEvent
from shop.changes import record
from shop.db.transactions import transactional

StripeObject = dict[str, Any]
FINAL = ("succeeded", "canceled")
DECLINES_KEPT = 50
# Of which integrations are notified by name.
_NAMED_STATUSES = ("processing", *FINAL)


class Outcome(NamedTuple):
    """Ignored: it belongs to no payment, or changes nothing. Flagged: it needs manual review."""

    status: StripeEvent.Status
    detail: str = ""


class StaleAnswer(Exception):
    """A newer state was applied; retrieve the object again."""


APPLIED = Outcome(StripeEvent.Status.APPLIED)


def ignored(why: str) -> Outcome:
    return Outcome(StripeEvent.Status.IGNORED, why)


# --- PaymentIntents ---------------------------------------------------------------------------------------------------


@transactional("payments.apply_intent")
def apply_intent(intent: StripeObject, *, as_of: int | None = None) -> Outcome:
    """Raises ``StaleAnswer`` if the intent is not final and the payment's revision is no longer ``as_of``."""
    payment = payment_of(intent)
    if payment is None:
        return _unmatched_intent(intent)
    if as_of not in (None, payment.revision) and intent["status"] not in FINAL:
        raise StaleAnswer
    if mismatch := _mismatch(payment, intent):
        orders.flag(order_id=payment.order_id, detail=mismatch)
        return Outcome(StripeEvent.Status.FLAGGED, mismatch)
    if not payment.intent:
        update_payment(
            payment,
            intent=intent["id"],
            client_secret=intent.get("client_secret") or "",
            amount_sent=intent["amount"] == payment.amount,
        )
    status = intent["status"]
    if status == "succeeded":
        return _record_success(payment, intent)
    if payment.status in FINAL:
        return ignored(f"The payment is already {payment.status}.")
    update_payment(payment, status=status)
    if status == "requires_payment_method" and (error := intent.get("last_payment_error")):
        _record_decline(payment, error, is_answer=as_of is not None)
    elif payment.part:
        # The order is paid; only the success of a difference changes it.
        return APPLIED
    elif status == "processing":
        orders.mark_processing(order_id=payment.order_id)
    elif status == "canceled":
        orders.mark_payment_closed(order_id=payment.order_id)
    return APPLIED


def _record_decline(payment: Payment, error: StripeObject, *, is_answer: bool) -> None:
    """Record a failed attempt once, although events and responses repeat it."""
    attempt = error.get("charge") or f"{error.get('code')} {(error.get('payment_method') or {}).get('id')}"
    is_new_attempt = attempt not in payment.declined
    if is_new_attempt:
        declined = [*payment.declined, attempt][-DECLINES_KEPT:]
        update_payment(payment, declined=declined, declines=payment.declines + 1, last_declined_at=timezone.now())
        record("payment.failed", payment.pk)
        declines.stop_if_too_many(payment)
    if not payment.part and (is_new_attempt or is_answer):
        # A redelivered event has no new state; a response has.
        detail = error.get("message") or error.get("code") or "The payment failed."
        orders.mark_payment_failed(order_id=payment.order_id, detail=detail, is_new_attempt=is_new_attempt)


def _record_success(payment: Payment, intent: StripeObject) -> Outcome:
    if payment.status == "succeeded":
        return ignored("The payment has already succeeded.")
    received, currency = _received(intent), intent["currency"]
    # The order may have been corrected during the payment.
    update_payment(payment, status="succeeded", amount=received, amount_received=received, amount_sent=True)
    detail = f"{display_minor_units(received, currency)} {currency.upper()}"
    mark = orders.mark_difference_paid if payment.part else orders.mark_paid
    if not mark(order_id=payment.order_id, received=from_minor_units(received, currency), detail=detail):
        # Refunds import this module.
        from payments.refunds import refund_late_money

        refund_late_money.enqueue(at_once=True, payment=str(payment.pk))
        return Outcome(StripeEvent.Status.APPLIED, "The order was already cancelled, so the payment is refunded.")
    return APPLIED


def payment_of(intent: StripeObject) -> Payment | None:
    if payment := Payment.objects.filter(intent=intent["id"]).first():
        return payment
    # If the response was lost, the id is not recorded.
    payment = payment_in_metadata(intent)
    return payment if payment and not payment.intent else None


def payment_in_metadata(intent: StripeObject) -> Payment | None:
    """The payment may have another intent."""
    named = (intent.get("metadata") or {}).get("payment", "")
    return Payment.objects.filter(pk=named).first() if ObjectId.is_valid(named) else None


def _unmatched_intent(intent: StripeObject) -> Outcome:
    """Flag the order if a second intent paid it."""
    payment = payment_in_metadata(intent)
    if payment is None or intent["status"] != "succeeded":
        return ignored("This PaymentIntent does not belong to this shop.")
    what = f"{intent['id']} was paid for this order in addition to {payment.intent}, and must be refunded."
    orders.flag(order_id=payment.order_id, detail=what)
    return Outcome(StripeEvent.Status.FLAGGED, what)


def _mismatch(payment: Payment, intent: StripeObject) -> str:
    """Return why the intent cannot pay the order."""
    if intent.get("livemode", False) != gateway.is_live():
        return f"{intent['id']} belongs to Stripe's other mode (test or live)."
    if intent["currency"] != payment.currency:
        return f"{intent['id']} is in {intent['currency']}, the order in {payment.currency}."
    if intent["amount"] not in (payment.amount, *payment.former_amounts):
        return f"{intent['id']} has the amount {intent['amount']}, the order {payment.amount}."
    if intent["status"] == "succeeded" and _received(intent) != intent["amount"]:
        return f"{intent['id']} received {_received(intent)} of {intent['amount']}."
    return ""


def _received(intent: StripeObject) -> int:
    return cast("int", intent.get("amount_received", intent["amount"]))


def update_payment(payment: Payment, **fields: Any) -> None:
    Payment.objects.filter(pk=payment.pk).update(**fields, revision=F("revision") + 1, updated_at=timezone.now())
    status = fields.get("status")
    is_named = status in _NAMED_STATUSES and status != payment.status
    record(f"payment.{status if is_named else 'updated'}", payment.pk)
    for name, value in fields.items():
        setattr(payment, name, value)


# --- Refunds ----------------------------------------------------------------------------------------------------------


@transactional("payments.apply_refund")
def apply_refund(answer: StripeObject) -> Outcome:
    """Create the refund if it was made in Stripe's dashboard."""
    payment = Payment.objects.filter(intent=answer.get("payment_intent") or "-").first()
    if payment is None:
        return ignored("This refund does not belong to a payment of this shop.")
    refund = _refund_of(answer, payment)
    if refund is None:
        refund = Refund.objects.create(
            payment=payment,
            amount=answer["amount"],
            currency=payment.currency,
            reason=answer.get("reason") or "",
            stripe_refund=answer["id"],
            actor=Actor.STRIPE,
        )
        update_payment(payment, amount_refunded=F("amount_refunded") + answer["amount"])
    elif not refund.stripe_refund:
        Refund.objects.filter(pk=refund.pk).update(stripe_refund=answer["id"])
    status = answer.get("status") or Refund.Status.PENDING
    _apply_refund_status(refund, payment, status=status, detail=answer.get("failure_reason"))
    return APPLIED


@transactional("payments.refuse_refund")
def refuse_refund(*, refund_id: ObjectId, detail: str) -> None:
    refund = Refund.objects.get(pk=refund_id)
    payment = Payment.objects.get(pk=refund.payment_id)
    _apply_refund_status(refund, payment, status=Refund.Status.FAILED, detail=detail)


def _refund_of(answer: StripeObject, payment: Payment) -> Refund | None:
    if refund := Refund.objects.filter(stripe_refund=answer["id"]).first():
        return refund
    named = (answer.get("metadata") or {}).get("refund", "")
    if not ObjectId.is_valid(named):
        return None
    return Refund.objects.filter(pk=named, payment=payment, stripe_refund=None).first()


def _apply_refund_status(refund: Refund, payment: Payment, *, status: str, detail: str | None) -> None:
    # A succeeded refund can still fail; a failed one is final.
    is_open = refund.status not in (Refund.Status.SUCCEEDED, *Refund.FAILED)
    has_failed = status in Refund.FAILED and refund.status not in Refund.FAILED
    if refund.status != status and (is_open or has_failed):
        Refund.objects.filter(pk=refund.pk).update(status=status)
        refund.status = status
        record(f"payment.{'refunded' if status == Refund.Status.SUCCEEDED else 'updated'}", payment.pk)
    if has_failed:
        update_payment(payment, amount_refunded=F("amount_refunded") - refund.amount)
        amount = display_minor_units(refund.amount, payment.currency)
        reason = detail or "Stripe gave no reason."
        orders.flag(order_id=payment.order_id, detail=f"A refund of {amount} failed: {reason}")
    record_on_order(refund, payment)


def record_on_order(
    refund: Refund, payment: Payment, *, part: PricedRefund | None = None, is_difference: bool = False
) -> None:
    orders.record_refund(
        order_id=payment.order_id,
        refund=refund.pk,
        amount=from_minor_units(refund.amount, payment.currency),
        status=refund.status,
        actor=Actor(refund.actor),
        reason=refund.reason,
        part=part,
        is_difference=is_difference,
    )


# --- Disputes ---------------------------------------------------------------------------------------------------------

# A closed inquiry and a prevented dispute withdraw no money, like a won one.
_DISPUTE_EVENTS = {
    "won": Event.DISPUTE_WON,
    "warning_closed": Event.DISPUTE_WON,
    "prevented": Event.DISPUTE_WON,
    "lost": Event.DISPUTE_LOST,
}
# An inquiry can become a dispute. Statuses that are not listed come before these.
_DISPUTE_STATUSES = (
    "warning_needs_response",
    "warning_under_review",
    "needs_response",
    "under_review",
    "lost",
    "warning_closed",
    "prevented",
    "won",
)


@transactional("payments.apply_dispute")
def apply_dispute(dispute: StripeObject) -> Outcome:
    payment = Payment.objects.filter(intent=dispute.get("payment_intent") or "-").first()
    if payment is None:
        return ignored("This dispute does not belong to a payment of this shop.")
    event = _DISPUTE_EVENTS.get(dispute["status"], Event.DISPUTED)
    orders.record_dispute(order_id=payment.order_id, event=event, dispute=_dispute_entry(dispute, payment))
    return APPLIED


def _dispute_entry(dispute: StripeObject, payment: Payment) -> DisputeEntry:
    status, amount = dispute["status"], dispute.get("amount")
    currency = dispute.get("currency") or payment.currency
    due_by = (dispute.get("evidence_details") or {}).get("due_by")
    return DisputeEntry(
        dispute=dispute["id"],
        status=status,
        rank=_DISPUTE_STATUSES.index(status) + 1 if status in _DISPUTE_STATUSES else 0,
        reason=dispute.get("reason") or "",
        amount=None if amount is None else from_minor_units(amount, currency),
        currency=currency,
        due_by=None if due_by is None else datetime.fromtimestamp(due_by, tz=UTC),
        fee=_fee_of(dispute),
        fee_currency=next((each["currency"] for each in dispute.get("balance_transactions") or []), ""),
        url=gateway.dashboard_url(f"disputes/{dispute['id']}"),
        is_open=status not in _DISPUTE_EVENTS,
    )


def _fee_of(dispute: StripeObject) -> Decimal | None:
    """Return the sum of what Stripe charged, in its account's currency, and gave back."""
    charged = dispute.get("balance_transactions") or []
    minor = sum(each["fee"] for each in charged)
    return from_minor_units(minor, charged[0]["currency"]) if charged else None
