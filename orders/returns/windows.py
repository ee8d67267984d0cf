"""Units that can be returned. Each parcel has its own window, from its delivery or else from its shipping."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from bson import ObjectId
from django.conf import settings
from django.utils import timezone

from orders.amounts import refunded_units
from orders.fulfilments.models import Fulfilment
from orders.models import Order, OrderLine
from orders.returns.models import ReturnStatus, awaited_units
from shop import days


@dataclass(frozen=True, kw_only=True)
class Returnable:
    """Units of a line that can be returned now, and those that could be at any time."""

    now: int
    ever: int


def returnable_units(order: Order, *, withdrawal: bool) -> dict[ObjectId, Returnable]:
    """Return the units of each line. Units that are not shipped can only be withdrawn."""
    within = _units_within_window(order, withdrawal=withdrawal)
    awaited, refunded = awaited_units(order.returns), refunded_units(order)

    def of(line: OrderLine) -> Returnable:
        # Units refunded without a return cannot be returned for a refund.
        left = line.quantity - max(line.cancelled + line.returned, refunded[line.variant]) - awaited[line.variant]
        shipped = line.fulfilled - line.returned - awaited[line.variant]
        unshipped = line.unfulfilled if withdrawal else 0
        now = min(within[line.variant], shipped) + unshipped
        return Returnable(now=max(0, min(now, left)), ever=max(0, min(shipped + unshipped, left)))

    return {line.variant: of(line) for line in order.lines}


def _units_within_window(order: Order, *, withdrawal: bool) -> Counter[ObjectId]:
    """Return the units of parcels whose window is open, without those of earlier returns.

    A return takes units first whose window ended first, of those that were open on its day.
    """
    parcels = sorted(order.fulfilments, key=_begins)
    left = [Counter({each.line: each.quantity for each in parcel.lines}) for parcel in parcels]
    for each in order.returns:
        if each.status == ReturnStatus.REJECTED:
            continue
        day = timezone.localdate(each.created_at, days.zone())
        for line in each.lines:
            units = line.returned
            for parcel, contents in zip(parcels, left, strict=True):
                if parcel.shipped_at <= each.created_at and _is_open(parcel, day, withdrawal=each.withdrawal):
                    taken = min(units, contents[line.line])
                    contents[line.line] -= taken
                    units -= taken
    is_open = [_is_open(parcel, days.today(), withdrawal=withdrawal) for parcel in parcels]
    return sum((contents for contents, is_in in zip(left, is_open, strict=True) if is_in), Counter())


def _is_open(parcel: Fulfilment, day: date, *, withdrawal: bool) -> bool:
    window = settings.WITHDRAWAL_DAYS if withdrawal else settings.RETURN_DAYS
    last = timezone.localdate(_begins(parcel), days.zone()) + timedelta(days=window)
    return bool(window) and last >= day


def _begins(parcel: Fulfilment) -> datetime:
    return parcel.delivered_at or parcel.shipped_at
