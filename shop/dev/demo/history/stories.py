"""An order while it is generated, and what its steps change, as `orders.services` does."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bson import ObjectId

from orders.events import Event
from orders.returns.models import ReturnStatus
from orders.statuses import FulfilmentStatus, OrderStatus, PaymentStatus
from shop.dev.demo.bulk import Document
from shop.dev.demo.history.fates import CLOSING, Step
from shop.dev.demo.history.plan import at, day_of

# Reported by these, an order has nothing left to send.
OVER = (*CLOSING, Event.DELIVERED, Event.REFUNDED)


@dataclass
class Story:
    """An order so far."""

    number: int
    id: ObjectId
    code: str
    customer: int
    placed: float
    total: int
    document: Document
    # Defaults of a parcel and its lines.
    parcel: Document
    parcel_line: Document
    # Of a return with its line.
    returned: Document
    # What was paid for one unit of the first line, in smallest steps and as it is stored.
    unit: int = 0
    stored_unit: Any = None
    # The price of each line after discounts and its tax, in smallest steps; the last is the shipping.
    parts: list[tuple[int, int]] = field(default_factory=list)
    # In thousandths of a per cent.
    rate: int = 0
    stored_rate: Any = None
    # The address that the invoice names.
    buyer: Document = field(default_factory=dict)
    # Moment, amount in smallest steps, whether it is of one unit of the first line, and id of each refund.
    refunded: list[tuple[float, int, bool, ObjectId]] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    # Null for deleted accounts and guests.
    user: ObjectId | None = None
    # "" for deleted accounts.
    email: str = ""
    detached_at: float | None = None
    erased_at: float | None = None
    paid_at: float | None = None

    @property
    def is_erased(self) -> bool:
        return self.erased_at is not None


def apply(story: Story, step: Step) -> None:
    _APPLY[step.event](story, step)


def _paid(story: Story, step: Step) -> None:
    story.paid_at = step.moment
    story.document |= {
        "status": OrderStatus.COMPLETED.value,
        "payment_status": PaymentStatus.PAID.value,
        "paid_at": at(step.moment),
        "paid_on": day_of(step.moment),
    }


def _closed(story: Story, step: Step) -> None:
    story.document["status"] = OrderStatus.CANCELLED.value
    if story.paid_at is None:
        story.document["expired_at"] = at(step.moment)


def _refunded(story: Story, step: Step) -> None:
    if step.is_part:
        _answer(story, step, ReturnStatus.REFUNDED)
    status = PaymentStatus.REFUNDED if step.refund == 100 else PaymentStatus.PARTIALLY_REFUNDED
    story.document["payment_status"] = status.value


def _shipped(story: Story, step: Step) -> None:
    document = story.document
    carrier, _, tracking_number = step.detail.partition(" ")
    tracking = {"carrier": carrier, "tracking_number": tracking_number}
    rest = [(line, line["quantity"] - line["cancelled"] - line["fulfilled"]) for line in document["lines"]]
    contents = [(rest[0][0], 1)] if step.is_part else [(line, units) for line, units in rest if units]
    parcel = {
        **story.parcel,
        **tracking,
        "key": ObjectId(story.id.binary[:11] + bytes([len(document["fulfilments"]) + 1])),
        "lines": [{**story.parcel_line, "line": line["variant"], "quantity": units} for line, units in contents],
        "shipped_at": at(step.moment),
    }
    for line, units in contents:
        line["fulfilled"] += units
    status = FulfilmentStatus.PARTIALLY_SHIPPED if step.is_part else FulfilmentStatus.SHIPPED
    document["fulfilments"] = [*document["fulfilments"], parcel]
    document |= {"fulfilment_status": status.value, **tracking}


def _delivered(story: Story, step: Step) -> None:
    story.document["fulfilment_status"] = FulfilmentStatus.DELIVERED.value
    for parcel in story.document["fulfilments"]:
        parcel["delivered_at"] = at(step.moment)


def _return_requested(story: Story, step: Step) -> None:
    (line,) = story.returned["lines"]
    is_withdrawal = step.event == Event.WITHDRAWN
    requested = {
        **line,
        "line": story.document["lines"][0]["variant"],
        "quantity": 1,
        "unshipped": 1 if is_withdrawal else 0,
        "reason": "" if is_withdrawal else "Too small",
    }
    returned = {
        **story.returned,
        "key": ObjectId(story.id.binary[:11] + b"\xff"),
        "withdrawal": is_withdrawal,
        "lines": [requested],
        "expected_refund": story.stored_unit,
        "created_at": at(step.moment),
    }
    story.document |= {"returns": [returned], "has_open_return": True}
    if is_withdrawal:
        story.document["lines"][0] |= {"cancelled": 1, "restocked": 1}
    _answer(story, step, ReturnStatus.REQUESTED)


def _return_received(story: Story, step: Step) -> None:
    _answer(story, step, ReturnStatus.RECEIVED)
    (returned,) = story.document["returns"]
    (line,) = returned["lines"]
    returned |= {"received_at": at(step.moment), "refund_due": True}
    line["restocked"] = True
    if not returned["withdrawal"]:
        story.document["lines"][0] |= {"returned": 1, "restocked": 1}


def _answer(story: Story, step: Step, status: ReturnStatus) -> None:
    (returned,) = story.document["returns"]
    returned |= {"status": status.value, "changed_at": at(step.moment)}
    if status == ReturnStatus.REJECTED:
        returned["answer"] = "It was worn."
    story.document["has_open_return"] = status not in (ReturnStatus.REJECTED, ReturnStatus.REFUNDED)


def _answers(status: ReturnStatus) -> Callable[[Story, Step], None]:
    return lambda story, step: _answer(story, step, status)


def _sets(**fields: Any) -> Callable[[Story, Step], None]:
    return lambda story, step: story.document.update(fields)


_APPLY: dict[Event, Callable[[Story, Step], None]] = {
    Event.PLACED: _sets(),
    Event.PAYMENT_PROCESSING: _sets(payment_status=PaymentStatus.PROCESSING.value),
    Event.PAYMENT_FAILED: _sets(payment_status=PaymentStatus.FAILED.value),
    Event.PAID: _paid,
    Event.CANCELLED: _closed,
    Event.EXPIRED: _closed,
    Event.REFUNDED: _refunded,
    Event.DISPUTED: _sets(payment_status=PaymentStatus.DISPUTED.value),
    Event.DISPUTE_WON: _sets(payment_status=PaymentStatus.PAID.value),
    Event.DISPUTE_LOST: _sets(payment_status=PaymentStatus.DISPUTED.value),
    Event.FLAGGED: _sets(flagged=True),
    Event.FLAG_SETTLED: _sets(flag_settled=True),
    Event.SHIPPED: _shipped,
    Event.DELIVERED: _delivered,
    Event.RETURN_REQUESTED: _return_requested,
    Event.WITHDRAWN: _return_requested,
    Event.RETURN_APPROVED: _answers(ReturnStatus.APPROVED),
    Event.RETURN_REJECTED: _answers(ReturnStatus.REJECTED),
    Event.RETURN_RECEIVED: _return_received,
}
