"""Fields of an order that follow from its returns, to be written with each change of these."""

from collections.abc import Mapping
from typing import Any

from bson import ObjectId

from orders.models import Order
from orders.returns.models import OrderReturn, ReturnStatus


def return_of(order: Order, key: ObjectId) -> OrderReturn:
    """Raises ``Order.DoesNotExist``."""
    found = next((each for each in order.returns if each.key == key), None)
    if found is None:
        raise Order.DoesNotExist
    return found


def fields_of_returns(order: Order) -> Mapping[str, Any]:
    return {"returns": order.returns, "has_open_return": any(each.is_open for each in order.returns)}


def fields_after_refund(order: Order, refund: ObjectId, *, status: str) -> Mapping[str, Any]:
    """A succeeded refund can still fail: then the return is due for a refund again."""
    if (found := next((each for each in order.returns if each.refund == refund), None)) is None:
        return {}
    found.refund_failed = status in ("failed", "canceled")
    found.status = ReturnStatus.REFUNDED if status == "succeeded" else ReturnStatus.RECEIVED
    return fields_of_returns(order)
