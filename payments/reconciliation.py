"""Compare Stripe with the database and repair missed changes. Concurrent runs are safe."""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import DatabaseError
from django.db.models import QuerySet
from django.utils import timezone
from pymongo.errors import PyMongoError

from orders.models import Order
from orders.statuses import EVER_PAID_STATUSES
from payments import gateway, refunds, services, transitions
from payments.errors import StripeRefused
from payments.models import Payment, Refund, StripeEvent
from payments.transitions import FINAL, StripeObject
from shop import jobs
from shop.api.errors import ServiceUnavailable
from shop.jobs import Cursor, TimeLimit
from shop.logs import describe_error

logger = structlog.get_logger(__name__)

# Younger objects may have calls and webhooks under way.
MIN_AGE = timedelta(minutes=5)
EVERY_SECONDS = 3600
WINDOW = timedelta(days=2)
# Compared payments of a part are remembered, so that a window of any length needs no more memory.
PART = timedelta(hours=2)
PAGE = 100


@dataclass
class Report:
    """Problems need manual action."""

    intents: int = 0
    payments: int = 0
    repaired: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass
class Position:
    """What is left of ``since`` to ``until``, of which parts are compared from the newest; all values are JSON."""

    since: str
    until: str
    # The part under way, and the last compared intent of it.
    end: str
    intent: str = ""
    intents_done: bool = False
    # Compared payments, of this part or an earlier one.
    payments: list[str] = field(default_factory=list)

    @property
    def part(self) -> tuple[datetime, datetime]:
        end = datetime.fromisoformat(self.end)
        return max(datetime.fromisoformat(self.since), end - PART), end

    @property
    def is_first_part(self) -> bool:
        return self.end == self.until


def reconcile(*, since: datetime, until: datetime | None = None) -> Iterator[Report]:
    """Compare payments of this window, and resend pending refunds of any age. Raises ``StripeUnavailable``.

    Yields the report of each slice, in constant memory.
    """
    position: Position | None = _start(since, until)
    while position is not None:
        report = Report()
        position = _slice(position, report)
        yield report


@jobs.every_in_slices(EVERY_SECONDS, name="payments.reconcile")
def reconcile_recent(cursor: Cursor) -> Cursor:
    position = Position(**cursor) if cursor else _start(timezone.now() - WINDOW, None)
    report = Report()
    try:
        left = _slice(position, report)
    finally:
        for line in report.repaired:
            logger.warning("reconciliation_repaired", finding=line)
        for line in report.problems:
            logger.error("reconciliation_found_problems", finding=line)
    return asdict(left) if left else None


def _start(since: datetime, until: datetime | None) -> Position:
    end = (until or timezone.now() - MIN_AGE).isoformat()
    return Position(since=since.isoformat(), until=end, end=end)


def _slice(position: Position, report: Report) -> Position | None:
    """Return where the next slice continues; changes ``position``."""
    limit = TimeLimit()
    if not position.intents_done:
        position.intents_done = _compare_intents(position, report, limit)
        if limit.is_over:
            return position
    # The intent of a payment in the part may be outside.
    rest = _created(Payment.objects.exclude(pk__in=position.payments), position)
    for payment in limit.limit(rest.order_by("created_at")[:PAGE]):
        with _reported(payment.order_number, report):
            _look_up(payment, report)
        position.payments.append(str(payment.pk))
    if rest.exclude(pk__in=position.payments).exists():
        return position
    _compare_orders(position, report)
    start, end = position.part
    # The last part is empty, so that its slices only resend refunds.
    if start < end:
        # A payment is a little older than its intent.
        earlier = Payment.objects.filter(pk__in=position.payments, created_at__lt=start).values_list("pk", flat=True)
        compared = [str(pk) for pk in earlier]
        return Position(since=position.since, until=position.until, end=start.isoformat(), payments=compared)
    resent, is_more = refunds.resend_refunds(before=datetime.fromisoformat(position.until), limit=limit)
    for refund in resent:
        report.repaired.append(f"a refund of {refund.payment_id} was never sent and was sent now")
    return position if is_more else None


@contextmanager
def _reported(subject: str, report: Report) -> Iterator[None]:
    """Turn an error, other than an outage, into a problem, so that the others are still compared."""
    try:
        yield
    except (ServiceUnavailable, DatabaseError, PyMongoError):
        raise
    except Exception as error:
        logger.exception("reconciliation_failed", subject=subject)
        report.problems.append(f"{subject} was not compared: {describe_error(error)}")


def _created(rows: QuerySet[Any], position: Position) -> QuerySet[Any]:
    """Filter rows created in the part."""
    start, end = position.part
    return rows.filter(created_at__gte=start, created_at__lt=end)


def _compare_intents(position: Position, report: Report, limit: TimeLimit) -> bool:
    """Return whether none is left in the part."""
    start, end = position.part
    # Stripe includes the last second, which belongs to the part before.
    last = end if position.is_first_part else end - timedelta(seconds=1)
    if last < start:
        return True
    for page in _pages(position, since=start, until=last):
        payments = {row.intent: row for row in Payment.objects.filter(intent__in=[each["id"] for each in page])}
        refunded = defaultdict(list)
        for refund in Refund.objects.filter(payment__in=[row.pk for row in payments.values()]):
            refunded[refund.payment_id].append(refund)
        for intent in limit.limit(page):
            payment = payments.get(intent["id"])
            if payment is not None and _is_unchanged(payment, intent, refunded[payment.pk]):
                report.payments += 1
            else:
                with _reported(intent["id"], report):
                    payment = _compare_intent(intent, report)
            if payment is not None:
                position.payments.append(str(payment.pk))
            report.intents += 1
            position.intent = intent["id"]
        if limit.is_over:
            return position.intent == page[-1]["id"] and len(page) < PAGE
    return True


def _pages(position: Position, *, since: datetime, until: datetime) -> Iterator[list[StripeObject]]:
    """Yield the intents after that of the position, or all if Stripe does not know it any more."""
    intents = gateway.list_intents(since=since, until=until, after=position.intent)
    try:
        page = list(itertools.islice(intents, PAGE))
    except StripeRefused:
        if not position.intent:
            raise
        intents = gateway.list_intents(since=since, until=until)
        page = list(itertools.islice(intents, PAGE))
    while page:
        yield page
        page = list(itertools.islice(intents, PAGE))


def _is_unchanged(payment: Payment, intent: StripeObject, refunded: Sequence[Refund]) -> bool:
    """Return whether the listed intent shows that nothing was missed. Saves ten queries for most payments."""
    if payment.status not in FINAL or payment.status != intent["status"]:
        return False
    charge = intent.get("latest_charge") or {}
    is_paid = payment.status == "succeeded"
    return not is_paid or not (charge.get("disputed") or _refunds_differ(charge, refunded))


def _compare_intent(intent: StripeObject, report: Report) -> Payment | None:
    payment = Payment.objects.filter(intent=intent["id"]).first() or transitions.payment_in_metadata(intent)
    if payment is not None:
        _compare(payment, intent, report)
    elif intent["status"] == "succeeded" and "payment" in (intent.get("metadata") or {}):
        number = intent["metadata"].get("order", "unknown")
        report.problems.append(f"{intent['id']} received {intent['amount_received']} without an order: {number}")
    return payment


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
    if _refunds_differ(charge, list(refunds)):
        found = gateway.list_refunds(intent["id"])
        for refund in found:
            transitions.apply_refund(refund)
        unknown = refunds.exclude(stripe_refund=None).exclude(stripe_refund__in=[refund["id"] for refund in found])
        for row in unknown.exclude(status__in=Refund.FAILED):
            report.problems.append(f"{payment.order_number}: Stripe does not know the refund {row}")
    if charge.get("disputed"):
        for dispute in gateway.list_disputes(intent["id"]):
            transitions.apply_dispute(dispute)


def _refunds_differ(charge: StripeObject, refunds: Sequence[Refund]) -> bool:
    sent = [refund for refund in refunds if refund.stripe_refund is not None]
    refunded = sum(refund.amount for refund in sent if refund.status == Refund.Status.SUCCEEDED)
    final = (Refund.Status.SUCCEEDED, *Refund.FAILED)
    return charge.get("amount_refunded") != refunded or any(refund.status not in final for refund in sent)


def _state(payment: Payment) -> str:
    order = Order.objects.get(pk=payment.order_id)
    refunds = Refund.objects.filter(payment=payment).order_by("id").values_list("amount", "status")
    refund_states = ", ".join(f"refund of {amount} {status}" for amount, status in refunds)
    return " ".join(
        part
        for part in (order.status, order.payment_status, payment.status, str(payment.amount_received), refund_states)
        if part
    )


def _compare_orders(position: Position, report: Report) -> None:
    paid = _created(Order.objects.filter(payment_status__in=EVER_PAID_STATUSES, total__gt=0), position)
    rows = paid.values_list("pk", "number", "payment_status").iterator()
    while page := list(itertools.islice(rows, PAGE)):
        succeeded = Payment.objects.filter(order__in=[pk for pk, *_ in page], status="succeeded")
        known = set(succeeded.values_list("order", flat=True))
        for pk, number, payment_status in page:
            if pk not in known:
                report.problems.append(f"{number} is {payment_status}, but has no payment at Stripe")
