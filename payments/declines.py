"""Limits on failed payment attempts, against card testing."""

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
from shop.jobs import Cursor
from shop.jobs.retention import update_in_batches

logger = structlog.get_logger(__name__)

PROCESSING_RETRY_SECONDS = 300
# Failed attempts after which an order is cancelled while its network address is over the limit.
DECLINES_AT_BUSY_ADDRESS = 3


def require_allowed(*, user: ObjectId | None, opened_from: str) -> None:
    """Raise ``TooManyFailedPayments``."""
    for who, limit in _limits(user=user, opened_from=opened_from):
        failed, first = _recent(who)
        if failed >= limit and first is not None:
            logger.warning("failed_payments_limit_reached", user=str(user), code=TooManyFailedPayments.default_code)
            left = first + _window() - timezone.now()
            raise TooManyFailedPayments(wait=max(1, math.ceil(left.total_seconds())))


def stop_if_too_many(payment: Payment) -> None:
    """Cancel the order, because its PaymentIntent could still be tried. Call it in a transaction."""
    busy_address = payment.opened_from if payment.declines >= DECLINES_AT_BUSY_ADDRESS else ""
    limits = _limits(user=None if payment.by_guest else payment.user_id, opened_from=busy_address)
    if payment.declines >= settings.FAILED_PAYMENTS_PER_ORDER or any(_recent(who)[0] >= limit for who, limit in limits):
        stop_card_testing.enqueue(at_once=True, unless_queued=True, payment=str(payment.pk))


@jobs.job("payments.stop_card_testing", urgent=True)
def stop_card_testing(*, payment: str) -> None:
    row = Payment.objects.get(pk=payment)
    try:
        stopped = orders.cancel_unpaid_order(
            order=Order.objects.get(pk=row.order_id),
            detail="Too many failed payment attempts.",
            flag_detail=f"{row.declines} failed payment attempts: possibly card testing.",
        )
    except PaymentProcessing as error:
        raise jobs.Postpone(PROCESSING_RETRY_SECONDS) from error
    if stopped:
        logger.warning("card_testing_suspected", order=row.order_number, user=str(row.user_id))


def _limits(*, user: ObjectId | None, opened_from: str) -> list[tuple[Q, int]]:
    limits = []
    if user is not None:
        limits.append((Q(user=user) & ~Q(by_guest=True), settings.FAILED_PAYMENTS_PER_CUSTOMER))
    if opened_from:
        limits.append((Q(opened_from=opened_from), settings.FAILED_PAYMENTS_PER_ADDRESS))
    return limits if settings.RATE_LIMITS else []


def _recent(who: Q) -> tuple[int, datetime | None]:
    """Return the number of recent failed attempts, and the earliest time of a payment's last one."""
    recent = Payment.objects.filter(who, declines__gt=0, last_declined_at__gt=timezone.now() - _window())
    found = recent.order_by().aggregate(failed=Sum("declines"), first=Min("last_declined_at"))
    return found["failed"] or 0, found["first"]


@jobs.every_in_slices(3600, name="payments.forget_networks")
def clear_network_digests(cursor: Cursor) -> Cursor:
    over = Payment.objects.filter(opened_from__gt="", updated_at__lt=timezone.now() - _window())
    return update_in_batches(over, opened_from="")


def _window() -> timedelta:
    return timedelta(seconds=settings.FAILED_PAYMENTS_WINDOW_SECONDS)
