"""What orders keep about a person."""

from typing import Any

from rest_framework.request import Request

from accounts.export import Rows
from accounts.models import User
from orders.models import Order
from orders.serializers import OrderSerializer


def export_orders(*, user: User, request: Request) -> dict[str, Any]:
    """Every order, with its lines, its timeline and its refunds, the oldest first."""
    serializer = OrderSerializer(context={"request": request})
    return {"orders": Rows(Order.objects.owned_by(user).order_by("id"), serializer.to_representation)}
