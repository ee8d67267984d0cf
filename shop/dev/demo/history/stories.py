"""An order while it is generated, and what its steps change, as `orders.services` does."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bson import ObjectId

from orders.lifecycle import Event, FulfilmentStatus, OrderStatus, PaymentStatus
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
    status = PaymentStatus.REFUNDED if step.refund == 100 else PaymentStatus.PARTIALLY_REFUNDED
    story.document["payment_status"] = status.value


def _shipped(story: Story, step: Step) -> None:
    document = story.document
    carrier, _, tracking_number = step.detail.partition(" ")
    tracking = {"carrier": carrier, "tracking_number": tracking_number}
    rest = [(line, line["quantity"] - line["fulfilled"]) for line in document["lines"]]
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
}
