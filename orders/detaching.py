"""Orders of accounts that are deleted or handed over, and of guests who want to be forgotten."""

import structlog
from bson import ObjectId
from django.utils import timezone

from accounts.models import User
from cart.promotions import uses
from orders import search_words
from orders.changes import record_updates
from orders.errors import OrderNotCancellable, OrderNotErasable, PaymentProcessing
from orders.events import Actor, Event
from orders.models import Order
from orders.personal_data import erase
from orders.reviews.services import anonymize_reviews
from orders.services import HOLD_EXTENSION, cancel_order
from orders.statuses import OrderStatus
from orders.transitions import transition
from shop import jobs
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.db import documents
from shop.db.batches import first_keys
from shop.db.transactions import TransactionContention, transactional
from shop.jobs import Cursor, TimeLimit

logger = structlog.get_logger(__name__)

ERASED_PER_RUN = 200
ERASURE_REASON = "The customer's data was erased at their request."


def cancel_unpaid_orders(*, user: User) -> None:
    """Cancel unpaid orders before the account is deleted. Raises ``PaymentProcessing``, ``ServiceUnavailable``.

    Claimed orders may be a stranger's, who must not prevent the deletion: they are cancelled once detached.
    """
    for order in Order.objects.owned_by(user).unpaid().filter(claimed_at=None):
        cancel_order(order=order, reason="The account was deleted.", actor=Actor.CUSTOMER)


def require_no_unpaid_orders(*, user: User) -> None:
    """Call it in the deletion's transaction.

    Raises ``OrderNotCancellable`` for an order placed since :func:`cancel_unpaid_orders`.
    """
    if Order.objects.owned_by(user).unpaid().filter(claimed_at=None).exists():
        raise OrderNotCancellable("A new order was placed. Cancel it first.")


def detach_reviews_and_orders(*, user: User, limit: int) -> bool:
    """Detach at most ``limit`` of each, and return whether there are more. Call it in a transaction.

    Reviews first: while they have a user, refunds look for that user's orders. Jobs cancel unpaid orders, which may
    call the payment provider.
    """
    if anonymize_reviews(user=user, limit=limit):
        return True
    # The newest first, which may be unpaid.
    own, is_more = first_keys(Order.objects.owned_by(user).order_by("-id"), limit=limit)
    orders = list(Order.objects.filter(pk__in=own))
    for order in orders:
        if order.status == OrderStatus.PENDING:
            cancel_detached.enqueue(order=str(order.pk))
    _detach(*orders)
    erase(*(order for order in orders if order.has_nothing_to_send))
    return is_more


def erase_guest_order(*, order: Order) -> None:
    """Detach a guest's order at the guest's request; it is erased like those of deleted accounts.

    Raises ``OrderNotErasable``, ``PaymentProcessing``, ``ServiceUnavailable``.
    """
    if order.status == OrderStatus.PENDING:
        cancel_order(order=order, reason=ERASURE_REASON, actor=Actor.SYSTEM)
    _detach_guest_order(order_id=order.pk)


@transactional("orders.detach_guest")
def _detach_guest_order(*, order_id: ObjectId) -> None:
    order = Order.objects.of_guests().filter(pk=order_id).exclude(status=OrderStatus.PENDING).first()
    if order is None:
        raise OrderNotErasable
    _detach(order)
    uses.forget_customers(order_numbers=[order.number])
    if order.has_nothing_to_send:
        erase(order)
    staff_log.record(Action.ERASE, order)


def _detach(*orders: Order) -> None:
    now = timezone.now()
    for order in orders:
        order.user, order.email, order.detached_at, order.updated_at = None, "", now, now
        order.search_words = search_words.of(order)
    names = ("user", "email", "detached_at", "updated_at", "search_words")
    documents.update_rows(Order, {each.pk: {name: getattr(each, name) for name in names} for each in orders})
    record_updates(*orders)


@jobs.job("orders.cancel_detached")
def cancel_detached(*, order: str) -> None:
    row = Order.objects.unpaid().filter(pk=order).exclude(detached_at=None).first()
    if row is None:
        return
    reason = "The account was deleted, or taken over by the owner of its e-mail address."
    try:
        cancel_order(order=row, reason=reason, actor=Actor.SYSTEM)
    except PaymentProcessing as error:
        raise jobs.Postpone(HOLD_EXTENSION.total_seconds()) from error
    except OrderNotCancellable:
        # Paid or cancelled concurrently.
        return


@jobs.every_in_slices(60, name="orders.erase_detached")
def erase_in_slices(cursor: Cursor) -> Cursor:
    """Repeat while orders are erased; the cursor is their number."""
    erased = erase_detached_orders()
    return (cursor or 0) + erased if erased else None


def erase_detached_orders(*, limit: int = ERASED_PER_RUN) -> int:
    """Erase detached orders as soon as nothing is left to send, at the latest after ``ERASURE_GRACE_DAYS``."""
    erased = 0
    due = Order.objects.due_for_erasure().order_by("detached_at").values_list("pk", flat=True)
    for pk in TimeLimit().limit(due[:limit]):
        try:
            erased += _erase_if_due(order_id=pk)
        except TransactionContention:
            continue
        except Exception:
            logger.exception("order_erasure_failed", order=str(pk))
    return erased


@transactional("orders.erase")
def _erase_if_due(*, order_id: ObjectId) -> bool:
    order = Order.objects.due_for_erasure().filter(pk=order_id).first()
    if order is None:
        return False
    if order.status == OrderStatus.COMPLETED and order.allows(Event.CANCELLED) and not order.has_nothing_to_send:
        # Staff can only refund it now.
        what = "The account was deleted and the address erased before shipping."
        detail = f"{what} Cancel the order to refund the customer."
        transition(order, Event.FLAGGED, actor=Actor.SYSTEM, detail=detail)
    erase(order)
    return True
