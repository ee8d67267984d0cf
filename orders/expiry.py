"""Unpaid orders are cancelled when their hold is over."""

from collections.abc import Sequence
from typing import NamedTuple

import structlog
from bson import ObjectId
from django.utils import timezone

from orders import hooks
from orders.errors import OrderNotCancellable
from orders.events import Actor, Event
from orders.models import Order
from orders.services import HOLD_EXTENSION, close_orders
from orders.statuses import OrderStatus
from shop import jobs
from shop.api.errors import ServiceUnavailable
from shop.db import documents
from shop.db.documents import Document
from shop.db.transactions import TransactionContention, transactional
from shop.jobs import Cursor, TimeLimit
from shop.logs import describe_error

logger = structlog.get_logger(__name__)

# In one transaction, without a payment.
EXPIRED_TOGETHER = 50


class Sweep(NamedTuple):
    expired: int
    # The time was over first.
    goes_on: bool


@jobs.every_in_slices(5, name="orders.expire")
def expire_in_slices(cursor: Cursor) -> Cursor:
    """The cursor is the number of cancelled orders."""
    sweep = expire_due_orders()
    return (cursor or 0) + sweep.expired if sweep.goes_on else None


def expire_due_orders() -> Sweep:
    """Those without a payment first, then oldest first, until the time of a slice is over."""
    limit = TimeLimit()
    expired = 0
    while due := _next_due():
        together = [pk for pk, payment in due if payment is None]
        alone = [pk for pk, payment in due if payment is not None]
        try:
            if together:
                expired += _expire(together, {"payment": None})
        except Exception as error:
            # One of them must not keep the others.
            logger.warning("orders_not_expired_together", error=describe_error(error))
            alone = [pk for pk, _ in due]
        for pk in limit.limit(alone):
            try:
                expired += expire_order(order_id=pk)
            except TransactionContention:
                continue
            except ServiceUnavailable:
                # Try others in the next period.
                _extend_holds(alone)
                return Sweep(expired, goes_on=False)
            except Exception:
                # The other orders must still expire.
                logger.exception("order_expiry_failed", order=str(pk))
                _extend_holds([pk])
        if limit.is_over:
            return Sweep(expired, goes_on=True)
    return Sweep(expired, goes_on=False)


def _next_due() -> list[tuple[ObjectId, ObjectId | None]]:
    """Return order and payment; those with a payment last, because they wait for Stripe."""
    due = Order.objects.due_to_expire().order_by("expires_at").values_list("pk", "payment")
    return list(due.filter(payment=None)[:EXPIRED_TOGETHER]) or list(due.exclude(payment=None)[:EXPIRED_TOGETHER])


def expire_order(*, order_id: ObjectId) -> bool:
    """Return whether the order was cancelled. Raises ``ServiceUnavailable``.

    While a payment may still succeed, the hold is extended, so that paid stock is not oversold.
    """
    order = Order.objects.get(pk=order_id)
    try:
        hooks.before_cancel(order=order)
        return _expire([order_id]) == 1
    except (ServiceUnavailable, OrderNotCancellable) as error:
        logger.info("order_hold_extended", order=order.number, error=describe_error(error))
        _extend_holds([order_id])
        if isinstance(error, ServiceUnavailable):
            raise
        return False


def _extend_holds(order_ids: Sequence[ObjectId]) -> None:
    later = timezone.now() + HOLD_EXTENSION
    Order.objects.filter(pk__in=order_ids, status=OrderStatus.PENDING).update(expires_at=later)


@transactional("orders.expire")
def _expire(order_ids: Sequence[ObjectId], match: Document | None = None) -> int:
    """Skip those that were paid, cancelled or extended concurrently."""
    is_due = {"_id": {"$in": order_ids}, "status": OrderStatus.PENDING.value, "expires_at": {"$lte": timezone.now()}}
    rows = documents.aggregate(Order, [{"$match": {**is_due, **(match or {})}}])
    due = [documents.instance(Order, row) for row in rows]
    if due:
        close_orders(due, Event.EXPIRED, is_given_up=True, detail="It was not paid in time.", actor=Actor.SYSTEM)
    return len(due)
