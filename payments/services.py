"""The verbs of a payment: open it, close it, send money back.

The row always comes before the call to Stripe and the answer is recorded after it, outside any transaction; what
Stripe says is applied by `payments.transitions`, whichever way it reached us.
"""

import secrets
import time
from datetime import datetime, timedelta
from decimal import Decimal

from bson import ObjectId
from django.db import IntegrityError
from django.db.models import F
from django.utils import timezone

from accounts.models import User
from orders import holds
from orders import services as orders
from orders.errors import PaymentProcessing
from orders.models import Actor, Order, OrderStatus
from payments import declines, gateway, transitions
from payments.errors import (
    NotRefundable,
    OrderNotPayable,
    PaymentDisputed,
    RefundTooLarge,
    StripeCallSpent,
    StripeCallUnderWay,
    StripeRefused,
    StripeUnavailable,
)
from payments.models import Payment, Refund
from shop import idempotency, jobs, money, staff_log
from shop.staff_log import Action
from shop.transactions import transactional

# How long a request waits for the answer that another one is already waiting for.
TWIN_SECONDS = 4.0
# Older calls than this are looked up before they are repeated: Stripe forgets idempotency keys after a day.
LOOK_FIRST_AFTER = timedelta(hours=1)
PROCESSING_ASKED_AGAIN_SECONDS = 300
REFRESH_TRIES = 5

# --- Opening and closing ----------------------------------------------------------------------------------------------


def open_payment(*, order: Order, network_address: str = "") -> tuple[Payment, bool]:
    """Return the order's payment with its PaymentIntent, and whether this call made it.

    Raises :class:`OrderNotPayable`, ``TooManyFailedPayments``, ``StripeUnavailable`` (the order stays payable; asking
    again continues).
    """
    if not order.is_payable or order.has_run_out:
        raise OrderNotPayable
    opened_from = holds.digest(network_address)
    declines.require_allowed(user=order.user_id, opened_from=opened_from)
    payment, created = _find_or_create(order, opened_from)
    if not payment.intent:
        payment = _open_intent(payment)
        if not payment.intent:
            raise OrderNotPayable("The payment that was opened does not match this order. The shop has been told.")
        if Order.objects.filter(pk=order.pk, status=OrderStatus.CANCELLED).exists():
            # Cancelled while Stripe made the intent: the canceller could not know it.
            close_intent(order=order)
            raise OrderNotPayable
    if not payment.client_secret:
        # The intent became known by an event, of which no secret is stored.
        payment = _fetch_client_secret(payment)
    idempotency.finish(status=201 if created else 200, reference=str(payment.pk))
    return payment, created


def _fetch_client_secret(payment: Payment) -> Payment:
    secret = gateway.retrieve_intent(payment.intent).get("client_secret") or ""
    Payment.objects.filter(pk=payment.pk, intent=payment.intent).update(client_secret=secret)
    payment.client_secret = secret
    return payment


def _find_or_create(order: Order, opened_from: str) -> tuple[Payment, bool]:
    if payment := Payment.objects.filter(order=order).first():
        return payment, False
    try:
        return _create_row(order_id=order.pk, opened_from=opened_from), True
    except IntegrityError:
        return Payment.objects.get(order=order), False


@transactional("payments.create")
def _create_row(*, order_id: ObjectId, opened_from: str) -> Payment:
    order = Order.objects.get(pk=order_id)
    if not order.is_payable:
        raise OrderNotPayable
    payment = Payment(
        order=order,
        order_number=order.number,
        user_id=order.user_id,
        opened_from=opened_from,
        amount=money.to_minor_units(order.total, order.currency),
        currency=order.currency,
    )
    payment.pk = ObjectId()
    payment.idempotency_key = _first_key(payment)
    payment.save(force_insert=True)
    # Writing to the order makes a cancel at the same time a conflict.
    orders.attach_payment(order_id=order.pk, payment=payment.pk)
    return payment


def _open_intent(payment: Payment) -> Payment:
    """Make the PaymentIntent, or find the one whose answer was lost, and record it.

    Of many requests at once each may call Stripe: they share the key, and so the intent.
    """
    intent = None
    if _must_look_first(payment):
        intent = gateway.find_intent(payment=str(payment.pk), since=payment.created_at)
    if intent is None:
        try:
            intent = gateway.create_intent(
                amount=payment.amount,
                currency=payment.currency,
                metadata={"payment": str(payment.pk), "order": payment.order_number},
                key=payment.idempotency_key,
            )
        except StripeCallUnderWay:
            return _wait_for_twin(payment)
        except StripeCallSpent:
            _renew_key(payment)
            raise
    transitions.apply_intent(intent)
    payment.refresh_from_db()
    return payment


def _wait_for_twin(payment: Payment) -> Payment:
    """Wait until the request that is calling Stripe has recorded the intent."""
    give_up_at = time.monotonic() + TWIN_SECONDS
    while not payment.intent:
        if time.monotonic() > give_up_at:
            raise StripeUnavailable
        time.sleep(0.05)
        payment.refresh_from_db()
    return payment


def _first_key(row: Payment | Refund) -> str:
    return f"{row._meta.model_name}-{row.pk}"


def _must_look_first(row: Payment | Refund) -> bool:
    """Whether an earlier call may have made the thing without its key telling: it is old, or was renewed."""
    return row.idempotency_key != _first_key(row) or timezone.now() - row.created_at > LOOK_FIRST_AFTER


def _renew_key(row: Payment | Refund) -> None:
    """Take another key for a call whose key Stripe has spent on a failure. The next attempt looks before it calls.

    Only that failure allows it: after a mere silence the first call may still be at work, and another key would make
    a second intent or refund. Of several that find the same key spent, one renews it.
    """
    new = f"{_first_key(row)}-{secrets.token_hex(4)}"
    type(row).objects.filter(pk=row.pk, idempotency_key=row.idempotency_key).update(idempotency_key=new)


def close_intent(*, order: Order) -> None:
    """Close an order's way to pay before it is cancelled or expires.

    An intent that turns out to have succeeded is applied as its webhook would be. Raises ``PaymentProcessing`` while
    the bank works on it, ``StripeUnavailable`` where Stripe cannot be asked.
    """
    payment = Payment.objects.filter(order=order).first()
    if payment is None or payment.status in transitions.FINAL:
        return
    if not payment.intent:
        # Opened, and the answer was lost: look for it. One that is only being made now is closed by its maker.
        found = gateway.find_intent(payment=str(payment.pk), since=payment.created_at)
        if found is None:
            return
        transitions.apply_intent(found)
        payment.refresh_from_db()
    try:
        intent = gateway.cancel_intent(payment.intent)
    except StripeRefused as error:
        if error.stripe_code != "resource_missing":
            raise
        # Another account's, or one that Stripe has deleted: nobody can pay it, and people should know.
        orders.flag(order_id=order.pk, detail=f"Stripe does not know {payment.intent}.")
        return
    transitions.apply_intent(intent)
    if intent["status"] == "processing":
        raise PaymentProcessing
    if intent["status"] not in transitions.FINAL:
        # Stripe refused to cancel it, and it is open all the same.
        raise StripeUnavailable


@jobs.handler("payments.close_intent")
def _close_intent(*, payment: str) -> None:
    try:
        close_intent(order=Order.objects.get(pk=Payment.objects.get(pk=payment).order_id))
    except PaymentProcessing as error:
        # A bank takes days; what comes of it is refunded when it arrives.
        raise jobs.Postpone(PROCESSING_ASKED_AGAIN_SECONDS) from error


def close_intent_later(payment: Payment) -> None:
    """Inside a transaction: let a job close the intent of an order that is cancelled; one job at a time is enough."""
    if payment.status not in transitions.FINAL:
        jobs.enqueue("payments.close_intent", unless_queued=True, payment=str(payment.pk))


@jobs.handler("payments.refresh_intent")
def refresh_intent(*, intent: str) -> None:
    """Ask Stripe what is true of an intent now, and apply that; again where something was told meanwhile."""
    for _ in range(REFRESH_TRIES):
        payment = Payment.objects.filter(intent=intent).first()
        if payment is None:
            return
        answer = gateway.retrieve_intent(intent)
        try:
            transitions.apply_intent(answer, as_of=payment.revision)
        except transitions.StaleAnswer:
            continue
        return
    raise jobs.Postpone(1)


# --- Refunds ----------------------------------------------------------------------------------------------------------


def refund_payment(*, payment: Payment, amount: Decimal | None = None, reason: str = "", actor: Actor) -> Refund:
    """Send money back: ``amount`` of the payment's currency, or all that is left.

    The refund is durable when this returns; where Stripe could not be reached it is ``pending``, and the worker goes
    on. Raises :class:`NotRefundable`, :class:`PaymentDisputed`, :class:`RefundTooLarge`.
    """
    minor = None if amount is None else money.to_minor_units(amount, payment.currency)
    refund = _refund_on_request(payment_id=payment.pk, amount=minor, reason=reason, actor=actor)
    refund.refresh_from_db()
    return refund


@transactional("payments.refund")
def _refund_on_request(*, payment_id: ObjectId, amount: int | None, reason: str, actor: str) -> Refund:
    payment = Payment.objects.get(pk=payment_id)
    # The refund is written to the order, so a dispute that is recorded concurrently is a write conflict.
    if Order.objects.get(pk=payment.order_id).is_disputed:
        raise PaymentDisputed
    refund = _reserve_refund(payment_id=payment_id, amount=amount, reason=reason, actor=actor)
    idempotency.finish(status=201, reference=str(refund.pk))
    return refund


@transactional("payments.reserve_refund")
def _reserve_refund(*, payment_id: ObjectId, amount: int | None, reason: str, actor: str) -> Refund:
    """Take the amount off what is left before Stripe is asked, so that many refunds at once never exceed it."""
    payment = Payment.objects.get(pk=payment_id)
    if not payment.amount_received:
        raise NotRefundable
    amount = payment.refundable if amount is None else amount
    if not 0 < amount <= payment.refundable:
        raise RefundTooLarge(
            f"{money.display(money.from_minor_units(payment.refundable, payment.currency))} of this payment is left.",
            attr="amount",
        )
    Payment.objects.filter(pk=payment.pk).update(
        amount_refunded=F("amount_refunded") + amount, updated_at=timezone.now()
    )
    refund = Refund(
        pk=ObjectId(), payment=payment, amount=amount, currency=payment.currency, reason=reason, actor=actor
    )
    refund.idempotency_key = _first_key(refund)
    refund.save(force_insert=True)
    transitions.show_refund(refund, payment)
    if actor == Actor.STAFF:
        staff_log.note(Action.REFUND, payment)
    jobs.enqueue("payments.send_refund", at_once=True, refund=str(refund.pk))
    return refund


def refund_cancelled_order(*, order: Order) -> None:
    """Inside the transaction that cancels an order: send back what was paid for it, if anything was."""
    payment = Payment.objects.filter(order=order).first()
    if payment is not None and payment.refundable:
        _reserve_refund(payment_id=payment.pk, amount=None, reason="The order was cancelled.", actor=Actor.SYSTEM)


def close_intent_of_cancelled_order(*, order: Order) -> None:
    """Inside the transaction that cancels an order: close its intent later, where it could not be closed before.

    It may have been made while the order was being cancelled.
    """
    if payment := Payment.objects.filter(order=order).first():
        close_intent_later(payment)


def detach_payments(*, user: User) -> None:
    """Inside the transaction that hands a user's account over: their payments are not the new owner's."""
    Payment.objects.owned_by(user).update(user=None)


def erase_personal_data(*, order: Order) -> None:
    """Inside the transaction that erases an order: remove what staff typed about its refunds, and its secret."""
    for payment in Payment.objects.filter(order=order):
        Refund.objects.filter(payment=payment, actor=Actor.STAFF).exclude(reason="").update(reason="")
        if payment.client_secret:
            Payment.objects.filter(pk=payment.pk).update(client_secret="")


@jobs.handler("payments.refund_late_money")
def _refund_late_money(*, payment: str) -> None:
    """Send back money that arrived for an order that was cancelled before; done once, as nothing is left then."""
    row = Payment.objects.get(pk=payment)
    if row.refundable:
        _reserve_refund(payment_id=row.pk, amount=None, reason="The order was cancelled.", actor=Actor.SYSTEM)


def resend_refunds(*, before: datetime) -> list[Refund]:
    """Ask for the refunds that were promised before then, that Stripe has not heard of and no job will send."""
    asked = Refund.objects.filter(status=Refund.Status.PENDING, stripe_refund=None, created_at__lt=before)
    return [refund for refund in asked if _resend(refund)]


@transactional("payments.resend_refund")
def _resend(refund: Refund) -> bool:
    job = {"kind": "payments.send_refund", "payload": {"refund": str(refund.pk)}}
    if jobs.Job.objects.filter(**job, given_up_at=None).exists():
        return False
    # One that was given up has had its say.
    jobs.Job.objects.filter(**job).delete()
    jobs.enqueue("payments.send_refund", refund=str(refund.pk))
    return True


@jobs.handler("payments.send_refund")
def _send_refund(*, refund: str) -> None:
    row = Refund.objects.get(pk=refund)
    if row.stripe_refund or row.status != Refund.Status.PENDING:
        return
    payment = Payment.objects.get(pk=row.payment_id)
    answer = None
    if _must_look_first(row):
        known = gateway.list_refunds(payment.intent)
        answer = next((each for each in known if each.get("metadata", {}).get("refund") == refund), None)
    try:
        answer = answer or gateway.create_refund(
            intent=payment.intent,
            amount=row.amount,
            metadata={"refund": refund, "payment": str(payment.pk)},
            key=row.idempotency_key,
        )
    except StripeCallSpent:
        _renew_key(row)
        raise
    except StripeRefused as error:
        transitions.refuse_refund(refund_id=row.pk, detail=str(error))
    else:
        transitions.apply_refund(answer)


@jobs.handler("payments.sync_refunds")
def _sync_refunds(*, intent: str) -> None:
    for refund in gateway.list_refunds(intent):
        transitions.apply_refund(refund)
