"""Units that can be returned. Each parcel has its own window, from its delivery or else from its shipping."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta

from bson import ObjectId
from django.conf import settings
from django.utils import timezone

from orders.amounts import refunded_units
from orders.fulfilments.models import Fulfilment
from orders.models import Order, OrderLine
from orders.returns.models import awaited_units
from shop import days


@dataclass(frozen=True, kw_only=True)
class Returnable:
    """Units of a line that can be returned now, and those that could be at any time."""

    now: int
    ever: int


def returnable_units(order: Order, *, withdrawal: bool) -> dict[ObjectId, Returnable]:
    """Return the units of each line. Units that are not shipped can only be withdrawn."""
    window = settings.WITHDRAWAL_DAYS if withdrawal else settings.RETURN_DAYS
    within: Counter[ObjectId] = Counter()
    for parcel in order.fulfilments:
        if window and last_day(parcel, window) >= days.today():
            for contained in parcel.lines:
                within[contained.line] += contained.quantity
    awaited, refunded = awaited_units(order.returns), refunded_units(order)

    def of(line: OrderLine) -> Returnable:
        # Units refunded without a return cannot be returned for a refund.
        left = line.quantity - max(line.cancelled + line.returned, refunded[line.variant]) - awaited[line.variant]
        shipped = line.fulfilled - line.returned - awaited[line.variant]
        unshipped = line.unfulfilled if withdrawal else 0
        now = min(within[line.variant], shipped) + unshipped
        return Returnable(now=max(0, min(now, left)), ever=max(0, min(shipped + unshipped, left)))

    return {line.variant: of(line) for line in order.lines}


def last_day(parcel: Fulfilment, window: int) -> date:
    begins = parcel.delivered_at or parcel.shipped_at
    return timezone.localtime(begins, days.zone()).date() + timedelta(days=window)
