"""What orders keep about a person."""

from typing import Any

from rest_framework.request import Request

from accounts.models import User
from orders.models import Order
from orders.serializers import OrderSerializer


def export_orders(*, user: User, request: Request) -> dict[str, Any]:
    """Every order, with its lines, its timeline and its refunds, the oldest first."""
    serializer = OrderSerializer(context={"request": request})
    orders = Order.objects.owned_by(user).order_by("id").iterator(chunk_size=100)
    return {"orders": (serializer.to_representation(order) for order in orders)}
