"""Limits on failed attempts to pay: whoever tries many cards on one order is testing whether they work.

An order with too many failed attempts is cancelled, its PaymentIntent first. A customer or network address with too
many of them within a window opens no further payment until they are old enough; the order on which a customer reaches
that limit is cancelled as well. A declined card or two, and some more tries, happen to honest customers.
"""

import math
from datetime import datetime, timedelta

import structlog
from bson import ObjectId
from django.conf import settings
from django.db.models import Min, Q, Sum
from django.utils import timezone

from orders import services as orders
from orders.errors import PaymentProcessing
from orders.models import Order
from payments.errors import TooManyFailedPayments
from payments.models import Payment
from shop import jobs

logger = structlog.get_logger(__name__)

PROCESSING_ASKED_AGAIN_SECONDS = 300


def require_allowed(*, user: ObjectId | None, opened_from: str) -> None:
    """Raise :class:`TooManyFailedPayments` while the customer or network address has too many failed attempts."""
    if not settings.RATE_LIMITS:
        return
    limits = []
    if user is not None:
        limits.append((Q(user=user), settings.FAILED_PAYMENTS_PER_CUSTOMER))
    if opened_from:
        limits.append((Q(opened_from=opened_from), settings.FAILED_PAYMENTS_PER_ADDRESS))
    for who, limit in limits:
        failed, first = _recent(who)
        if failed >= limit and first is not None:
            logger.warning("failed_payments_limit_reached", user=str(user), code=TooManyFailedPayments.default_code)
            left = first + _window() - timezone.now()
            raise TooManyFailedPayments(wait=max(1, math.ceil(left.total_seconds())))


def stop_if_too_many(payment: Payment) -> None:
    """Inside the transaction that records a failed attempt: let a job cancel the order if that was one too many."""
    too_many = payment.declines >= settings.FAILED_PAYMENTS_PER_ORDER
    if not too_many and settings.RATE_LIMITS and payment.user_id is not None:
        too_many = _recent(Q(user=payment.user_id))[0] >= settings.FAILED_PAYMENTS_PER_CUSTOMER
    if too_many:
        jobs.enqueue("payments.stop_card_testing", at_once=True, unless_queued=True, payment=str(payment.pk))


@jobs.handler("payments.stop_card_testing")
def _stop_card_testing(*, payment: str) -> None:
    row = Payment.objects.get(pk=payment)
    try:
        stopped = orders.cancel_unpaid_order(
            order=Order.objects.get(pk=row.order_id),
            detail="Too many failed payment attempts.",
            flag_detail=f"{row.declines} failed payment attempts: possibly card testing.",
        )
    except PaymentProcessing as error:
        raise jobs.Postpone(PROCESSING_ASKED_AGAIN_SECONDS) from error
    if stopped:
        logger.warning("card_testing_suspected", order=row.order_number, user=str(row.user_id))


def _recent(who: Q) -> tuple[int, datetime | None]:
    """Return the failed attempts of payments that failed within the window, and when the oldest of these last did."""
    recent = Payment.objects.filter(who, declines__gt=0, last_declined_at__gt=timezone.now() - _window())
    found = recent.order_by().aggregate(failed=Sum("declines"), first=Min("last_declined_at"))
    return found["failed"] or 0, found["first"]


def _window() -> timedelta:
    return timedelta(seconds=settings.FAILED_PAYMENTS_WINDOW_SECONDS)
