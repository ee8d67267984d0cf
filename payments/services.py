"""Rows are saved before calls to Stripe, outside transactions."""

import secrets
import time
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import structlog
from bson import ObjectId
from django.db import IntegrityError
from django.utils import timezone

from accounts.models import User
from orders import holds
from orders import services as orders
from orders.errors import AmountTooLarge, AmountTooSmall, PaymentProcessing
from orders.events import Actor
from orders.models import Order
from orders.statuses import OrderStatus
from payments import amounts, customers, declines, gateway, transitions
from payments.currencies import maximum_charge, minimum_charge, to_minor_units
from payments.errors import (
    OrderNotPayable,
    StripeIdempotentFailure,
    StripeRefused,
    StripeRequestInFlight,
    StripeUnavailable,
)
from payments.models import Payment, Refund
from shop import jobs, money
from shop.api import idempotency
from shop.changes import record
from shop.db.batches import first_keys
from shop.db.mongodb import LAST_CHARACTER
from shop.db.transactions import transactional
from shop.logs import describe_error

logger = structlog.get_logger(__name__)

CONCURRENT_CREATE_TIMEOUT = 4.0
# Stripe deletes idempotency keys after 24 hours.
LOOK_FIRST_AFTER = timedelta(hours=1)
REFRESH_TRIES = 5

# --- Opening and closing ----------------------------------------------------------------------------------------------


def require_chargeable(*, amount: Decimal, currency: str) -> None:
    """Raise ``AmountTooSmall`` or ``AmountTooLarge``."""
    minimum, maximum = minimum_charge(currency), maximum_charge(currency)
    if money.ZERO < amount < minimum:
        raise AmountTooSmall(f"The total must be 0 or at least {money.display(minimum, currency)} {currency.upper()}.")
    if amount > maximum:
        raise AmountTooLarge(f"The total must be at most {money.display(maximum, currency)} {currency.upper()}.")


def order_numbers(*, text: str, limit: int = 20) -> list[str]:
    """Return the orders of a PaymentIntent, of which at least a part of the id is given, or of a refund."""
    if text.startswith("re_"):
        payments = Payment.objects.filter(
            pk__in=Refund.objects.filter(stripe_refund=text).values_list("payment", flat=True)[:limit]
        )
    elif text.startswith("pi_"):
        payments = Payment.objects.filter(intent__gte=text, intent__lt=text + LAST_CHARACTER).order_by("intent")
    else:
        return []
    return list(payments.values_list("order_number", flat=True)[:limit])


def open_payment(*, order: Order, network_address: str = "") -> tuple[Payment, bool]:
    """Also return whether this call created the payment.

    Raises ``OrderNotPayable``, ``TooManyFailedPayments``, ``StripeUnavailable``.
    """
    if not order.has_amount_due and (not order.is_payable or order.is_expired):
        raise OrderNotPayable
    opened_from = holds.digest(network_address)
    declines.require_allowed(user=None if order.was_placed_by_guest else order.user_id, opened_from=opened_from)
    payment, created = _find_or_create(order, opened_from)
    if not payment.intent:
        _open_intent(payment)
        if not payment.intent:
            raise OrderNotPayable("The opened payment does not match this order. The shop has been notified.")
        if Order.objects.filter(pk=order.pk, status=OrderStatus.CANCELLED).exists():
            # Cancelled concurrently, before the intent's id was recorded.
            close_intent(payment)
            raise OrderNotPayable
    if not payment.amount_sent:
        amounts.send_amount(payment)
        payment.refresh_from_db()
        if payment.status in transitions.FINAL:
            raise OrderNotPayable
    if not payment.client_secret:
        # The intent was recorded from a stored event, which has no secret.
        payment.client_secret = gateway.retrieve_intent(payment.intent).get("client_secret") or ""
        Payment.objects.filter(pk=payment.pk, intent=payment.intent).update(client_secret=payment.client_secret)
    idempotency.finish(status=201 if created else 200, reference=str(payment.pk))
    return payment, created


def _find_or_create(order: Order, opened_from: str) -> tuple[Payment, bool]:
    if payment := _current(order):
        return payment, False
    try:
        return _create_row(order_id=order.pk, opened_from=opened_from), True
    except IntegrityError:
        # A concurrent request has created it.
        if payment := _current(order):
            return payment, False
        raise


def _current(order: Order) -> Payment | None:
    """Return the payment of the order's own amount, or the open one of its latest difference."""
    payments = Payment.objects.filter(order=order)
    if not order.has_amount_due:
        # Payments that the previous release opens have no part.
        return payments.exclude(part__gt=0).first()
    return next((payment for payment in payments.filter(part__gt=0).order_by("-part") if not payment.is_final), None)


@transactional("payments.create")
def _create_row(*, order_id: ObjectId, opened_from: str) -> Payment:
    order = Order.objects.get(pk=order_id)
    part, amount = 0, order.total
    if order.has_amount_due:
        latest = Payment.objects.filter(order=order).order_by("-part").first()
        part, amount = (latest.part or 0) + 1 if latest else 1, order.amount_due
        require_chargeable(amount=amount, currency=order.currency)
    elif not order.is_payable:
        raise OrderNotPayable
    payment = Payment(
        pk=ObjectId(),
        order=order,
        order_number=order.number,
        user_id=order.user_id,
        by_guest=order.was_placed_by_guest,
        opened_from=opened_from,
        part=part,
        amount=to_minor_units(amount, order.currency),
        currency=order.currency,
    )
    payment.idempotency_key = first_key(payment)
    payment.save(force_insert=True)
    record("payment.created", payment.pk)
    # A write to the order conflicts with a concurrent cancellation.
    orders.attach_payment(order_id=order.pk, payment=payment.pk)
    return payment


def _open_intent(payment: Payment) -> None:
    """Concurrent requests share the key and get the same intent."""
    intent = None
    if may_already_exist(payment):
        intent = gateway.find_intent(payment=str(payment.pk), since=payment.created_at)
    if intent is None:
        try:
            intent = _create_intent(payment)
        except StripeRequestInFlight:
            _wait_for_concurrent_create(payment)
            return
        except StripeIdempotentFailure:
            renew_key(payment)
            raise
    transitions.apply_intent(intent)
    payment.refresh_from_db()


def _create_intent(payment: Payment) -> dict[str, Any]:
    """Details that Stripe refuses do not prevent the payment."""
    # A guest's token must not save cards for the account that has claimed the order.
    customer = customers.get_customer_id(user=payment.user) if payment.user and not payment.by_guest else ""
    details = intent_details(payment.order) | ({"customer": customer} if customer else {})
    try:
        return _send_intent(payment, details, key=payment.idempotency_key)
    except StripeRefused as error:
        logger.warning("payment_details_refused", order=payment.order_number, error=describe_error(error))
        if customer and error.stripe_code == "resource_missing":
            customers.forget_customer(customer)
        return _send_intent(payment, {}, key=f"{payment.idempotency_key}-plain")


def _send_intent(payment: Payment, details: dict[str, Any], *, key: str) -> dict[str, Any]:
    return gateway.create_intent(
        amount=payment.amount,
        currency=payment.currency,
        metadata={"payment": str(payment.pk), "order": payment.order_number},
        details=details,
        key=key,
    )


def intent_details(order: Order) -> dict[str, Any]:
    """Return what Stripe shows to staff, uses for receipts and checks for fraud."""
    details: dict[str, Any] = {"description": f"Order {order.number}"}
    if email := order.user.email if order.user and not order.was_placed_by_guest else order.email:
        details["receipt_email"] = email
    if address := order.shipping_address:
        lines = {name: getattr(address, name) for name in ("line1", "line2", "city", "state", "postal_code", "country")}
        details["shipping"] = {"name": address.name, "address": {name: text for name, text in lines.items() if text}}
        if address.phone:
            details["shipping"]["phone"] = address.phone
    return details


def _wait_for_concurrent_create(payment: Payment) -> None:
    give_up_at = time.monotonic() + CONCURRENT_CREATE_TIMEOUT
    while not payment.intent:
        if time.monotonic() > give_up_at:
            raise StripeUnavailable
        time.sleep(0.05)
        payment.refresh_from_db()


def first_key(row: Payment | Refund) -> str:
    return f"{row._meta.model_name}-{row.pk}"


def may_already_exist(row: Payment | Refund) -> bool:
    """Return whether a call with an expired or another key may have created the object."""
    return row.idempotency_key != first_key(row) or timezone.now() - row.created_at > LOOK_FIRST_AFTER


def renew_key(row: Payment | Refund) -> None:
    """Replace a key under which Stripe stored a failure.

    Never after a timeout: the first call may still be running, and a new key would create a second object.
    """
    new = f"{first_key(row)}-{secrets.token_hex(4)}"
    type(row).objects.filter(pk=row.pk, idempotency_key=row.idempotency_key).update(idempotency_key=new)


def close_intents(*, order: Order) -> None:
    """Cancel the order's PaymentIntents before the order, or apply those that have succeeded.

    Raises ``PaymentProcessing``, ``StripeUnavailable``.
    """
    for payment in Payment.objects.filter(order=order):
        close_intent(payment)


def close_intent(payment: Payment) -> None:
    """Raises ``PaymentProcessing``, ``StripeUnavailable``."""
    if payment.is_final:
        return
    intent_id = payment.intent
    if not intent_id:
        # The response was lost; `open_payment` closes an intent that is being created.
        found = gateway.find_intent(payment=str(payment.pk), since=payment.created_at)
        if found is None:
            return
        # Does not record an intent that does not match.
        transitions.apply_intent(found)
        intent_id = found["id"]
    try:
        intent = gateway.cancel_intent(intent_id)
    except StripeRefused as error:
        if error.stripe_code != "resource_missing":
            raise
        # Deleted, or of another account: staff must check.
        orders.flag(order_id=payment.order_id, detail=f"Stripe does not know {intent_id}.")
        return
    transitions.apply_intent(intent)
    if intent["status"] == "processing":
        raise PaymentProcessing
    if intent["status"] not in transitions.FINAL:
        # Stripe refused to cancel it.
        raise StripeUnavailable


@jobs.job("payments.close_intent", urgent=True)
def close_intent_job(*, payment: str) -> None:
    try:
        close_intent(Payment.objects.get(pk=payment))
    except PaymentProcessing as error:
        # Processing may take days; if it succeeds, the payment is refunded.
        raise jobs.Postpone(declines.PROCESSING_RETRY_SECONDS) from error


def close_intents_later(*, order: Order) -> None:
    """Call it in the transaction that cancels, or that finds an intent created during the cancellation."""
    for payment in Payment.objects.filter(order=order):
        if not payment.is_final:
            close_intent_job.enqueue(unless_queued=True, payment=str(payment.pk))


@jobs.job("payments.refresh_intent", urgent=True)
def refresh_intent(*, intent: str) -> None:
    """Apply the intent's current state; retry if another change was applied concurrently."""
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


def detach_payments(*, user: User, limit: int) -> bool:
    """Detach at most ``limit`` payments; return whether there are more."""
    payments, is_more = first_keys(Payment.objects.owned_by(user), limit=limit)
    Payment.objects.filter(pk__in=payments).update(user=None)
    return is_more


def claim_payments(*, orders: Sequence[Order], user: User) -> None:
    Payment.objects.filter(order__in=orders).update(user=user)


def erase_personal_data(*, orders: Sequence[Order]) -> None:
    payments = list(Payment.objects.filter(order__in=orders).values_list("pk", flat=True))
    Refund.objects.filter(payment__in=payments, actor=Actor.STAFF).exclude(reason="").update(reason="")
    Payment.objects.filter(pk__in=payments).exclude(client_secret="").update(client_secret="", customer_session="")
