"""Orders and returns as integrations are notified of them."""

from typing import Any

from bson import ObjectId

from orders import staff
from orders.events import Event
from orders.models import Order
from orders.returns.serializers import ReturnSerializer, with_refunds
from orders.returns.states import return_of
from orders.serializers import OrderSerializer
from shop import changes
from shop.api.serializing import represent


def register() -> None:
    changes.register(
        changes.Kind(
            name="order",
            permission="orders.view_order",
            events={
                **{event.value: f"The event “{event.label}” of the order's timeline." for event in Event},
                "updated": "Another change, such as tags, notes, its invoice or the account that it belongs to.",
            },
            show=show_order,
            path="orders/{id}/",
        )
    )
    changes.register(
        changes.Kind(
            name="return",
            permission="orders.view_order",
            events={
                "requested": "A return was requested.",
                "withdrawn": "The customer has withdrawn from the contract.",
                "approved": "The return was approved.",
                "rejected": "The return was rejected.",
                "received": "Its units were received.",
                "refunded": "Its refund has succeeded, or nothing was left to refund.",
                "updated": "Another change, such as a refund that was made or has failed.",
            },
            show=show_return,
            path="orders/{parent}/returns/{id}/",
        )
    )


def show_order(object_id: str, parent: str) -> dict[str, Any] | None:
    order = Order.objects.filter(number=object_id).first()
    if order is None:
        return None
    context = {"internal": True, "staff": staff.names_in([order]), "base_url": ""}
    return represent(OrderSerializer, order, context=context)


def show_return(object_id: str, parent: str) -> dict[str, Any] | None:
    order = Order.objects.filter(number=parent).first()
    if order is None or not ObjectId.is_valid(object_id):
        return None
    with_refunds(order)
    try:
        found = return_of(order, ObjectId(object_id))
    except Order.DoesNotExist:
        return None
    return {"order": order.number, **represent(ReturnSerializer, found, context={"internal": True})}
