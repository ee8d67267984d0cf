"""Payments with their refunds and Stripe events."""

from dataclasses import dataclass, field
from typing import Any

from orders.events import Actor, Event
from payments.models import Payment, Refund, StripeEvent
from shop.audit.staff_log import Action
from shop.dev.demo.bulk import BulkWriter, Document, template
from shop.dev.demo.history.fates import FLAG_DETAIL, Step
from shop.dev.demo.history.people import Staff
from shop.dev.demo.history.plan import DAY, Amounts, Plan, at
from shop.dev.demo.history.stories import Story
from shop.dev.stripe_simulator.events import API_VERSION

# Older ones are deleted daily, except flagged ones.
_EVENTS_KEPT = 85 * DAY
_UNHANDLED = "This type of event is not handled."
_CHARGE = {"status": "succeeded", "amount_refunded": 0}
_DISPUTES = {
    Event.DISPUTED: ("charge.dispute.created", "needs_response"),
    Event.DISPUTE_WON: ("charge.dispute.closed", "won"),
    Event.DISPUTE_LOST: ("charge.dispute.closed", "lost"),
}


@dataclass
class OpenPayment:
    document: Document
    # In smallest steps.
    total: int
    refunds: list[Document] = field(default_factory=list)
    events: list[Document] = field(default_factory=list)

    def stripe_id(self, kind: str) -> str:
        return f"{kind}_{self.document['_id']}"


class Payments:
    def __init__(self, plan: Plan, amounts: Amounts, staff: Staff) -> None:
        self._plan, self._amounts, self._staff = plan, amounts, staff
        self._payment = template(Payment(amount=0, currency=amounts.currency))
        self._refund = template(Refund(amount=0, currency=amounts.currency))
        self._event = template(StripeEvent(status=StripeEvent.Status.APPLIED))
        self._refunds = self._events = 0

    def open(self, story: Story) -> OpenPayment | None:
        """Return None if the customer left before the payment."""
        last = story.steps[-1].event
        if last == Event.PLACED or (last == Event.EXPIRED and story.number % 3 == 0):
            return None
        moment = story.placed + 20
        payment_id = self._plan.id("payment", story.number, moment)
        document = {
            **self._payment,
            "_id": payment_id,
            "order_id": story.id,
            "order_number": story.code,
            "user_id": story.user,
            "idempotency_key": f"payment-{payment_id}",
            "intent": f"pi_{payment_id}",
            "client_secret": f"pi_{payment_id}_secret_{payment_id}",
            "customer_session": f"cuss_secret_{payment_id}",
            "customer_session_until": at(moment + DAY / 48),
            "status": "requires_payment_method",
            "amount": story.total * self._amounts.minor_per_step,
            "declined": [],
            "created_at": at(moment),
            "updated_at": at(moment),
        }
        opened = OpenPayment(document, story.total)
        self._intent_event(opened, "payment_intent.created", moment)
        return opened

    def apply(self, opened: OpenPayment, step: Step, *, unit: int) -> str:
        """Return the detail of the timeline's entry, if it has one of its own.

        ``unit`` is the amount of a refund by line, in smallest steps.
        """
        payment, moment = opened.document, step.moment
        payment["updated_at"] = at(moment)
        payment["revision"] += 1
        if step.event == Event.PAYMENT_FAILED:
            payment |= {"declined": [opened.stripe_id("ch")], "declines": 1, "last_declined_at": at(moment)}
            error = {"code": "card_declined", "message": step.detail, "charge": opened.stripe_id("ch")}
            self._intent_event(opened, "payment_intent.payment_failed", moment, last_payment_error=error)
        elif step.event == Event.PAYMENT_PROCESSING:
            payment["status"] = "processing"
            self._intent_event(opened, "payment_intent.processing", moment)
        elif step.event == Event.PAID:
            return self._pay(opened, moment)
        elif step.event in (Event.CANCELLED, Event.EXPIRED) and not payment["amount_received"]:
            payment["status"] = "canceled"
            self._intent_event(opened, "payment_intent.canceled", moment, cancellation_reason="abandoned")
        elif step.event == Event.REFUNDED:
            return self._refund_part(opened, step, unit=unit)
        elif step.event in _DISPUTES:
            event_type, status = _DISPUTES[step.event]
            dispute = opened.stripe_id("dp")
            charge = {"charge": opened.stripe_id("ch"), "status": status, "reason": "fraudulent"}
            self._charge_event(opened, event_type, "dispute", dispute, moment, **charge)
            return dispute
        elif step.event == Event.FLAGGED:
            detail = FLAG_DETAIL.format(opened.stripe_id("pi_2"), payment["intent"])
            self._intent_event(opened, "payment_intent.succeeded", moment, flagged=detail, id=opened.stripe_id("pi_2"))
            return detail
        return ""

    def write(self, opened: OpenPayment, story: Story, writer: BulkWriter) -> None:
        payment = opened.document
        if story.is_erased:
            payment["client_secret"] = payment["customer_session"] = ""
        writer.add(Payment, payment)
        for refund in opened.refunds:
            is_by_staff = refund["actor"] == Actor.STAFF
            if story.is_erased and is_by_staff:
                refund["reason"] = ""
            if is_by_staff:
                moment = refund["_id"].generation_time.timestamp()
                self._staff.log(Action.REFUND, Payment, payment["_id"], story.code, moment, writer)
            writer.add(Refund, refund)
        for event in opened.events:
            writer.add(StripeEvent, event)

    def _pay(self, opened: OpenPayment, moment: float) -> str:
        payment = opened.document
        self._intent_event(opened, "payment_intent.requires_action", moment - 20)
        payment |= {"status": "succeeded", "amount_received": payment["amount"]}
        self._charge_event(opened, "charge.succeeded", "charge", opened.stripe_id("ch"), moment, **_CHARGE)
        self._intent_event(opened, "payment_intent.succeeded", moment)
        self._charge_event(opened, "charge.updated", "charge", opened.stripe_id("ch"), moment, **_CHARGE)
        return self._amounts.text(opened.total)

    def _refund_part(self, opened: OpenPayment, step: Step, *, unit: int) -> str:
        payment, moment = opened.document, step.moment
        share = opened.total if step.refund == 100 else opened.total * step.refund // 100
        part = unit if step.is_part else share
        self._refunds += 1
        refund_id = self._plan.id("refund", self._refunds, moment)
        refund = {
            **self._refund,
            "_id": refund_id,
            "payment_id": payment["_id"],
            "amount": part * self._amounts.minor_per_step,
            "reason": "The order was cancelled." if step.actor == Actor.SYSTEM else "It arrived damaged.",
            "status": Refund.Status.SUCCEEDED.value,
            "idempotency_key": f"refund-{refund_id}",
            "stripe_refund": f"re_{refund_id}",
            "actor": step.actor.value,
            "created_at": at(moment),
        }
        opened.refunds.append(refund)
        payment["amount_refunded"] += refund["amount"]
        metadata = {"payment": str(payment["_id"]), "refund": str(refund_id)}
        for event_type in ("refund.created", "charge.refund.updated"):
            self._charge_event(
                opened,
                event_type,
                "refund",
                refund["stripe_refund"],
                moment,
                amount=refund["amount"],
                charge=opened.stripe_id("ch"),
                status="succeeded",
                reason=None,
                metadata=metadata,
            )
        return self._amounts.text(part)

    # --- Events -------------------------------------------------------------------------------------------------------

    def _intent_event(
        self, opened: OpenPayment, event_type: str, moment: float, *, flagged: str = "", **differing: Any
    ) -> None:
        if not flagged and moment < self._plan.now - _EVENTS_KEPT:
            return
        payment = opened.document
        intent = {
            "id": payment["intent"],
            "object": "payment_intent",
            "livemode": False,
            "created": int(moment),
            "status": payment["status"],
            "amount_received": payment["amount_received"],
            "cancellation_reason": None,
            "latest_charge": opened.stripe_id("ch") if payment["amount_received"] else None,
            "last_payment_error": None,
            "metadata": {"payment": str(payment["_id"]), "order": payment["order_number"]},
            "amount": payment["amount"],
            "currency": payment["currency"],
        }
        self._add_event(opened, event_type, moment, intent | differing, flagged=flagged)

    def _charge_event(
        self, opened: OpenPayment, event_type: str, kind: str, pk: str, moment: float, **differing: Any
    ) -> None:
        if moment < self._plan.now - _EVENTS_KEPT:
            return
        payment = opened.document
        found = {
            "id": pk,
            "object": kind,
            "livemode": False,
            "created": int(moment),
            "payment_intent": payment["intent"],
            "amount": payment["amount"],
            "currency": payment["currency"],
        }
        self._add_event(opened, event_type, moment, found | differing)

    def _add_event(
        self, opened: OpenPayment, event_type: str, moment: float, found: Document, *, flagged: str = ""
    ) -> None:
        self._events += 1
        pk = f"evt_{self._plan.id('event', self._events, moment)}"
        status, detail = StripeEvent.Status.APPLIED, ""
        if flagged:
            status, detail = StripeEvent.Status.FLAGGED, flagged
        elif event_type in ("charge.succeeded", "charge.updated"):
            status, detail = StripeEvent.Status.IGNORED, _UNHANDLED
        opened.events.append(
            {
                **self._event,
                "_id": pk,
                "type": event_type,
                "payload": {
                    "id": pk,
                    "object": "event",
                    "livemode": False,
                    "created": int(moment),
                    "type": event_type,
                    "api_version": API_VERSION,
                    "data": {"object": found},
                },
                "status": status.value,
                "detail": detail,
                "created_at": at(int(moment)),
                "received_at": at(moment),
            }
        )
