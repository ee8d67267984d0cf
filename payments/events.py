"""Inbox of Stripe events, stored once and retried until applied once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from django.db import IntegrityError
from django.db.models import F
from django.utils import timezone

from orders.models import Order
from orders.statuses import OrderStatus
from payments import gateway, refunds, services, transitions
from payments.event_format import kind_of
from payments.event_payload import stored_part
from payments.metrics import WEBHOOK_LAG
from payments.models import StripeEvent
from payments.transitions import Outcome, StripeObject
from shop import jobs
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.db import documents
from shop.db.transactions import transactional
from shop.jobs.retention import BATCH, delete_in_batches
from shop.jobs.timing import back_off
from shop.logs import redacted

logger = structlog.get_logger(__name__)

Status = StripeEvent.Status
OPEN = (Status.RECEIVED, Status.FAILED)
SETTLED = (Status.APPLIED, Status.IGNORED)
FIRST_RETRY = timedelta(seconds=10)
LONGEST_RETRY = timedelta(hours=1)
EVENTS_KEPT = timedelta(days=90)


def receive(*, body: bytes, signature: str) -> StripeEvent | None:
    """Return None for a thin event; failed events are left for the worker.

    Raises ``InvalidSignature``, ``InvalidEvent``.
    """
    event = gateway.verified_event(body, signature)
    if event is None:
        # Acknowledged: Stripe disables endpoints that refuse their deliveries.
        logger.info("stripe_thin_event_ignored")
        return None
    row = StripeEvent(
        id=event["id"],
        type=event["type"],
        payload=stored_part(event),
        created_at=datetime.fromtimestamp(event["created"], tz=UTC),
        # The worker applies the event if this process dies.
        retry_at=timezone.now() + FIRST_RETRY,
    )
    try:
        row.save(force_insert=True)
    except IntegrityError:
        return StripeEvent.objects.get(pk=row.pk)
    WEBHOOK_LAG.observe(max(0.0, (row.received_at - row.created_at).total_seconds()))
    process(row)
    return row


def process(row: StripeEvent) -> None:
    try:
        _apply(row.pk)
    except Exception as error:
        logger.exception("stripe_event_failed", event_id=row.pk, event_type=row.type)
        pause = back_off(row.attempts + 1, first=FIRST_RETRY, longest=LONGEST_RETRY)
        StripeEvent.objects.filter(pk=row.pk, status__in=OPEN).update(
            status=Status.FAILED,
            detail=redacted(repr(error.__cause__ or error))[:500],
            attempts=F("attempts") + 1,
            retry_at=timezone.now() + pause,
        )


@transactional("payments.apply_event")
def _apply(event_id: str) -> None:
    row = StripeEvent.objects.get(pk=event_id)
    if row.status not in OPEN:
        return
    apply = _TRANSITIONS[kind_of(row.type)]
    outcome = apply(row.payload["data"]["object"])
    StripeEvent.objects.filter(pk=event_id, status__in=OPEN).update(
        status=outcome.status, detail=outcome.detail[:500], retry_at=None
    )


def replay(row: StripeEvent) -> StripeEvent:
    _reopen(row)
    row.refresh_from_db()
    process(row)
    row.refresh_from_db()
    return row


@transactional("payments.reopen_event")
def _reopen(row: StripeEvent) -> None:
    StripeEvent.objects.filter(pk=row.pk).update(
        status=Status.RECEIVED, detail="", retry_at=timezone.now() + FIRST_RETRY
    )
    staff_log.record(Action.REPLAY, row)


@jobs.every_in_slices(5, name="payments.retry_events")
def retry_in_slices(cursor: jobs.Cursor) -> jobs.Cursor:
    """Repeat while events are due; the cursor is the number of retries."""
    retried = retry_due()
    return (cursor or 0) + retried if retried else None


def retry_due(*, limit: int = 100) -> int:
    retried = 0
    due = StripeEvent.objects.filter(status__in=OPEN, retry_at__lte=timezone.now()).order_by("retry_at")[:limit]
    for row in jobs.TimeLimit().limit(due):
        process(row)
        retried += 1
    return retried


@jobs.every_in_slices(24 * 3600, name="payments.forget_events")
def delete_old_events(cursor: jobs.Cursor) -> jobs.Cursor:
    """Stripe redelivers an event for days only, and lists it for 30."""
    return delete_in_batches(
        StripeEvent, {"status": {"$in": list(SETTLED)}, "received_at": {"$lt": timezone.now() - EVENTS_KEPT}}
    )


@jobs.every_in_slices(24 * 3600, name="payments.forget_flagged_events")
def delete_resolved_events(cursor: jobs.Cursor) -> jobs.Cursor:
    """Keep flagged events while their order's flag is open. The cursor is the last event's id."""
    old = StripeEvent.objects.filter(status=Status.FLAGGED, received_at__lt=timezone.now() - EVENTS_KEPT)
    examined = None
    for row in jobs.TimeLimit().limit(old.filter(pk__gt=cursor or "").order_by("pk")[:BATCH]):
        if not _has_open_flag(row):
            # Unless it was replayed since.
            documents.delete_many(StripeEvent, {"_id": row.pk, "status": Status.FLAGGED})
        examined = row.pk
    return examined


def _has_open_flag(row: StripeEvent) -> bool:
    intent = row.payload["data"]["object"]
    payment = transitions.payment_of(intent) or transitions.payment_in_metadata(intent)
    order = None if payment is None else Order.objects.filter(pk=payment.order_id).first()
    return order is not None and order.has_open_flag


def _intent_changed(intent: StripeObject) -> Outcome:
    """Events may arrive out of order: refresh an intent that is not final."""
    payment = transitions.payment_of(intent)
    outcome = transitions.apply_intent(intent)
    untouched = intent["status"] == "requires_payment_method" and not intent.get("last_payment_error")
    if payment is not None and intent["status"] not in transitions.FINAL and not untouched:
        services.refresh_intent.enqueue(at_once=True, unless_queued=True, intent=intent["id"])
    if payment is not None and payment.order.status == OrderStatus.CANCELLED:
        # Created or attempted during the cancellation.
        services.close_intents_later(order=payment.order)
    return outcome


def _sync_refunds(charge: StripeObject) -> Outcome:
    """Look up the refunds in a job, because a charge does not list them."""
    if not charge.get("payment_intent"):
        return transitions.ignored("This charge has no PaymentIntent.")
    refunds.sync_refunds.enqueue(intent=charge["payment_intent"])
    return transitions.APPLIED


_TRANSITIONS: dict[str, Callable[[StripeObject], Outcome]] = {
    "payment_intent": _intent_changed,
    "refund": transitions.apply_refund,
    "dispute": transitions.apply_dispute,
    "charge": _sync_refunds,
    "": lambda _: transitions.ignored("This type of event is not handled."),
}
