"""Refunds, reserved in a transaction and sent by a job."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from bson import ObjectId
from django.db.models import F
from django.utils import timezone

from orders.events import Actor
from orders.models import Order
from orders.refunds import PricedRefund, Units, price_refund
from payments import gateway, transitions
from payments.currencies import from_minor_units, to_minor_units
from payments.errors import NotRefundable, PaymentDisputed, RefundTooLarge, StripeIdempotentFailure, StripeRefused
from payments.models import Payment, Refund
from payments.services import first_key, may_already_exist, renew_key
from shop import jobs, money
from shop.api import idempotency
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.changes import record
from shop.db.transactions import transactional


def refund_payment(
    *,
    payment: Payment,
    amount: Decimal | None = None,
    lines: Sequence[Units] = (),
    shipping: bool = False,
    reason: str = "",
    key: ObjectId | None = None,
) -> Refund:
    """Refund ``lines`` and ``shipping`` for staff, or ``amount``, or all that is left.

    It is ``pending`` until Stripe has responded. A second call with the same ``key`` changes nothing. Raises
    ``NotRefundable``, ``PaymentDisputed``, ``RefundTooLarge``, and the errors of `orders.refunds.price_refund`.
    """
    minor = None if amount is None else to_minor_units(amount, payment.currency)
    refund = _refund_on_request(
        payment_id=payment.pk, amount=minor, lines=lines, shipping=shipping, reason=reason, key=key
    )
    refund.refresh_from_db()
    return refund


@transactional("payments.refund")
def _refund_on_request(
    *,
    payment_id: ObjectId,
    amount: int | None,
    lines: Sequence[Units],
    shipping: bool,
    reason: str,
    key: ObjectId | None,
) -> Refund:
    if key is not None and (known := Refund.objects.filter(pk=key, payment=payment_id).first()):
        return known
    # Refunds are written to the order, so a concurrent dispute conflicts.
    order = Payment.objects.get(pk=payment_id).order
    if order.is_disputed:
        raise PaymentDisputed
    part = price_refund(order, lines, shipping=shipping) if lines or shipping else None
    refund = _reserve_refund(payment_id=payment_id, amount=amount, part=part, reason=reason, actor=Actor.STAFF, key=key)
    idempotency.finish(status=201, reference=str(refund.pk))
    return refund


@transactional("payments.reserve_refund")
def _reserve_refund(
    *,
    payment_id: ObjectId,
    amount: int | None = None,
    part: PricedRefund | None = None,
    reason: str,
    actor: Actor,
    key: ObjectId | None = None,
    is_difference: bool = False,
) -> Refund:
    """Reserve the amount, that of ``part`` or all that is left, so that concurrent refunds never exceed the payment."""
    payment = Payment.objects.get(pk=payment_id)
    if not payment.amount_received:
        raise NotRefundable
    if part is not None:
        amount = to_minor_units(part.amount, payment.currency)
        if not amount:
            raise NotRefundable("Nothing was paid for these units, or it was refunded before.")
    amount = payment.refundable if amount is None else amount
    if not 0 < amount <= payment.refundable:
        raise RefundTooLarge(
            f"At most {money.display(from_minor_units(payment.refundable, payment.currency))} can be refunded.",
            attr="amount" if part is None else None,
        )
    Payment.objects.filter(pk=payment.pk).update(
        amount_refunded=F("amount_refunded") + amount, updated_at=timezone.now()
    )
    record("payment.updated", payment.pk)
    refund = Refund(
        pk=key or ObjectId(), payment=payment, amount=amount, currency=payment.currency, reason=reason, actor=actor
    )
    refund.idempotency_key = first_key(refund)
    refund.save(force_insert=True)
    transitions.record_on_order(refund, payment, part=part, is_difference=is_difference)
    if actor == Actor.STAFF:
        staff_log.record(Action.REFUND, payment)
    send_refund.enqueue(at_once=True, refund=str(refund.pk))
    return refund


def refund_return(*, order: Order, units: Sequence[Units], shipping: bool) -> ObjectId | None:
    """Return the refund's id, or None if nothing is left to refund. Read ``order`` in the same transaction.

    At most what is left is refunded: an amount may have been refunded before. Raises ``PaymentDisputed``.
    """
    part = price_refund(order, units, shipping=shipping).at_most(order.net_total)
    if not part.amount:
        return None
    if order.is_disputed:
        raise PaymentDisputed
    refund_id: ObjectId | None = None
    left = part.amount
    for payment in Payment.objects.filter(order=order).order_by("part"):
        amount = min(left, from_minor_units(payment.refundable, payment.currency))
        if not amount:
            continue
        if refund_id is None:
            refund_id = _reserve_refund(
                payment_id=payment.pk, part=part.at_most(amount), reason="", actor=Actor.STAFF
            ).pk
        else:
            # The difference that a correction made due.
            minor = to_minor_units(amount, payment.currency)
            _reserve_refund(payment_id=payment.pk, amount=minor, reason="", actor=Actor.STAFF)
        left -= amount
    return refund_id


def refund_cancelled_order(*, order: Order, late_difference: ObjectId | None = None) -> None:
    """``late_difference`` is a payment that arrived after the cancellation, and is in no invoice."""
    for payment in Payment.objects.filter(order=order):
        if payment.refundable:
            _reserve_refund(
                payment_id=payment.pk,
                reason="The order was cancelled.",
                actor=Actor.SYSTEM,
                is_difference=payment.pk == late_difference,
            )


def refund_difference(*, order: Order, amount: Decimal, reason: str) -> None:
    """See `orders.hooks.refund_difference`."""
    left = to_minor_units(amount, order.currency)
    for payment in Payment.objects.filter(order=order).order_by("pk"):
        if part := min(left, payment.refundable):
            _reserve_refund(payment_id=payment.pk, amount=part, reason=reason, actor=Actor.SYSTEM, is_difference=True)
            left -= part


@jobs.job("payments.refund_late_money", urgent=True)
def refund_late_money(*, payment: str) -> None:
    """Refund a payment that arrived after the cancellation. Idempotent."""
    row = Payment.objects.get(pk=payment)
    refund_cancelled_order(order=row.order, late_difference=row.pk if row.part else None)


def resend_refunds(*, before: datetime, limit: jobs.TimeLimit) -> tuple[list[Refund], bool]:
    """Return the refunds that were sent again, and whether there are more."""
    failed, queued = defaultdict(list), set()
    rows = jobs.Job.objects.filter(kind=send_refund.name).values_list("pk", "payload", "given_up_at")
    for pk, payload, given_up_at in rows.iterator():
        if given_up_at is None:
            queued.add(payload["refund"])
        else:
            failed[payload["refund"]].append(pk)
    asked = Refund.objects.filter(status=Refund.Status.PENDING, stripe_refund=None, created_at__lt=before)
    unsent = [refund for refund in asked if str(refund.pk) not in queued]
    sent = []
    for refund in limit.limit(unsent):
        _resend(refund, failed_jobs=failed[str(refund.pk)])
        sent.append(refund)
    return sent, len(sent) < len(unsent)


@transactional("payments.resend_refund")
def _resend(refund: Refund, *, failed_jobs: list[ObjectId]) -> None:
    jobs.Job.objects.filter(pk__in=failed_jobs).exclude(given_up_at=None).delete()
    # Harmless if a concurrent run has just sent it.
    send_refund.enqueue(unless_queued=True, refund=str(refund.pk))


@jobs.job("payments.send_refund", urgent=True)
def send_refund(*, refund: str) -> None:
    row = Refund.objects.get(pk=refund)
    if row.stripe_refund or row.status != Refund.Status.PENDING:
        return
    payment = Payment.objects.get(pk=row.payment_id)
    answer = None
    if may_already_exist(row):
        known = gateway.list_refunds(payment.intent)
        answer = next((each for each in known if each.get("metadata", {}).get("refund") == refund), None)
    try:
        answer = answer or gateway.create_refund(
            intent=payment.intent,
            amount=row.amount,
            metadata={"refund": refund, "payment": str(payment.pk)},
            key=row.idempotency_key,
        )
    except StripeIdempotentFailure:
        renew_key(row)
        raise
    except StripeRefused as error:
        transitions.refuse_refund(refund_id=row.pk, detail=str(error))
    else:
        transitions.apply_refund(answer)


@jobs.job("payments.sync_refunds")
def sync_refunds(*, intent: str) -> None:
    for refund in gateway.list_refunds(intent):
        transitions.apply_refund(refund)
