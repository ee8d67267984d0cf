"""Records changes of orders and returns, for integrations."""

from bson import ObjectId

from orders.events import Event
from orders.models import Order
from orders.returns.models import OrderReturn, ReturnStatus
from shop.changes import record, record_all

_OF_RETURNS = {
    Event.RETURN_REQUESTED: "requested",
    Event.WITHDRAWN: "withdrawn",
    Event.RETURN_APPROVED: "approved",
    Event.RETURN_REJECTED: "rejected",
    Event.RETURN_RECEIVED: "received",
}


def record_events(order: Order, *events: str, returned: ObjectId | None = None) -> None:
    """Record the order's events, or a change without one; ``returned`` is the return that they are about."""
    for event in events or ("updated",):
        record(f"order.{event}", order.number)
        if returned is not None and event in _OF_RETURNS:
            record(f"return.{_OF_RETURNS[Event(event)]}", returned, parent=order.number)


def record_refund_of(order: Order, found: OrderReturn) -> None:
    event = "refunded" if found.status == ReturnStatus.REFUNDED else "updated"
    record(f"return.{event}", found.key, parent=order.number)


def record_updates(*orders: Order) -> None:
    record_all("order.updated", (order.number for order in orders))
