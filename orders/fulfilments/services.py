"""Shipping and delivering parcels. Concurrent changes of an order conflict and are retried."""

from collections.abc import Mapping
from typing import Any

from bson import ObjectId
from django.utils import timezone

from catalog.models import StockMovement
from orders import hooks
from orders.errors import DeliveryNotUndoable, OrderNotFulfillable, TooManyParcels
from orders.events import Actor, Event
from orders.fulfilments.models import MAX_PARCELS, FulfilledLine, Fulfilment
from orders.fulfilments.statuses import fulfilment_status_of
from orders.models import Order
from orders.refunds import Units, change_units, lines_of
from orders.statuses import FulfilmentStatus
from orders.transitions import require_allowed, transition
from shop.api import idempotency
from shop.api.errors import Fault
from shop.db.transactions import transactional

TRACKING_FIELDS = ("carrier", "tracking_number", "tracking_url")


@transactional("orders.ship")
def ship(
    *,
    order: Order,
    quantities: Mapping[ObjectId, int] | None = None,
    carrier: str = "",
    tracking_number: str = "",
    tracking_url: str = "",
    key: ObjectId | None = None,
) -> Order:
    """Ship a parcel with ``quantities`` by line, or with all that is left; it is the last of the returned order.

    A second call with the same ``key`` changes nothing. Raises ``OrderNotFulfillable``, ``TooManyParcels``,
    ``UnknownLine``.
    """
    order = Order.objects.get(pk=order.pk)
    if key is not None and any(parcel.key == key for parcel in order.fulfilments):
        return order
    require_allowed(order, Event.SHIPPED)
    if len(order.fulfilments) >= MAX_PARCELS:
        raise TooManyParcels
    if quantities is None:
        quantities = {line.variant: line.unfulfilled for line in order.lines if line.unfulfilled}
        if not quantities:
            raise OrderNotFulfillable("All units of this order are cancelled.")
    _take(order, quantities)
    parcel = Fulfilment(
        key=key or ObjectId(),
        lines=[FulfilledLine(line=line, quantity=quantity) for line, quantity in quantities.items()],
        carrier=carrier,
        tracking_number=tracking_number,
        tracking_url=tracking_url,
    )
    order.fulfilments.append(parcel)
    idempotency.finish(status=201, reference=str(parcel.key))
    transition(
        order,
        Event.SHIPPED,
        actor=Actor.STAFF,
        detail=parcel.tracking,
        fields=_fields(order),
        parcel=parcel.key,
    )
    return order


def _take(order: Order, quantities: Mapping[ObjectId, int]) -> None:
    """Count the units as shipped."""
    if not quantities:
        raise OrderNotFulfillable
    lines = {line.variant: line for line in lines_of(order, list(quantities))}
    left = {pk: lines[pk].unfulfilled for pk in quantities}
    faults = [
        Fault(
            OrderNotFulfillable.default_code,
            f"{left[pk]} units of this line are left to ship.",
            f"lines.{index}.quantity",
        )
        for index, (pk, quantity) in enumerate(quantities.items())
        if quantity > left[pk]
    ]
    if faults:
        raise OrderNotFulfillable(faults=faults)
    for pk, quantity in quantities.items():
        lines[pk].fulfilled += quantity


def _fields(order: Order) -> dict[str, Any]:
    latest = order.fulfilments[-1]
    return {
        "lines": order.lines,
        "fulfilments": order.fulfilments,
        "fulfilment_status": fulfilment_status_of(order),
        "carrier": latest.carrier,
        "tracking_number": latest.tracking_number,
    }


@transactional("orders.change_parcel")
def change_parcel(
    *, order: Order, key: ObjectId, tracking: Mapping[str, str] | None = None, delivered: bool | None = None
) -> Order:
    """Correct some of ``TRACKING_FIELDS``; mark as delivered. Changes nothing if all is as given.

    Raises ``Order.DoesNotExist``, ``OrderNotFulfillable``, ``DeliveryNotUndoable``.
    """
    order = Order.objects.get(pk=order.pk)
    parcel = next((parcel for parcel in order.fulfilments if parcel.key == key), None)
    if parcel is None:
        raise Order.DoesNotExist
    if delivered is False and parcel.delivered_at:
        raise DeliveryNotUndoable
    tracking = tracking or {}
    if any(getattr(parcel, name) != value for name, value in tracking.items()):
        # An address belongs to the number that it was entered with.
        for name, value in {"tracking_url": "", **tracking}.items():
            setattr(parcel, name, value)
        transition(order, Event.TRACKING_CHANGED, actor=Actor.STAFF, detail=parcel.tracking, fields=_fields(order))
    if delivered and not parcel.delivered_at:
        parcel.delivered_at = timezone.now()
        transition(
            order,
            Event.DELIVERED,
            actor=Actor.STAFF,
            detail=parcel.tracking,
            fields=_fields(order),
            parcel=parcel.key,
        )
    return order


def fulfil_order(
    *, order: Order, status: str, carrier: str = "", tracking_number: str = "", tracking_url: str = ""
) -> Order:
    """Ship all that is left, or mark all as delivered. Raises ``OrderNotFulfillable``."""
    if status == FulfilmentStatus.DELIVERED:
        return deliver_all(order=order)
    return ship(order=order, carrier=carrier, tracking_number=tracking_number, tracking_url=tracking_url)


@transactional("orders.deliver")
def deliver_all(*, order: Order) -> Order:
    """Mark all parcels of a completely shipped order as delivered. Raises ``OrderNotFulfillable``."""
    order = Order.objects.get(pk=order.pk)
    if order.fulfilment_status != FulfilmentStatus.SHIPPED:
        raise OrderNotFulfillable
    for parcel in order.fulfilments:
        parcel.delivered_at = parcel.delivered_at or timezone.now()
    transition(order, Event.DELIVERED, actor=Actor.STAFF, fields=_fields(order))
    return order


@transactional("orders.cancel_unshipped")
def cancel_unshipped(*, order: Order, reason: str = "") -> Order:
    """Cancel all that is left of a partially shipped order, restock it and refund what was paid for it.

    Raises ``OrderNotCancellable`` and the errors of `orders.hooks.refund_units`.
    """
    order = Order.objects.get(pk=order.pk)
    rest = {line.variant: line.unfulfilled for line in order.lines if line.unfulfilled}
    transition(order, Event.ITEMS_CANCELLED, actor=Actor.STAFF, detail=reason)
    # Before the refund, which would take units first that were cancelled earlier without one.
    change_units(order, cancelled=rest, restocked=rest, reason=StockMovement.Reason.RESTOCK)
    units = [Units(line=variant, quantity=quantity) for variant, quantity in rest.items()]
    hooks.refund_units(order=order, units=units, shipping=False)
    return Order.objects.get(pk=order.pk)
