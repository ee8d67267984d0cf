"""Orders and reviews for data exports."""

from typing import Any

from rest_framework.request import Request

from accounts.export import Rows
from accounts.models import User
from orders.models import Order
from orders.reviews.models import Review
from orders.reviews.serializers import ReviewExportSerializer
from orders.serializers import OrderSerializer


def export_orders(*, user: User, request: Request) -> dict[str, Any]:
    serializer = OrderSerializer(context={"request": request})
    return {"orders": Rows(Order.objects.owned_by(user).order_by("id"), serializer.to_representation)}


def export_reviews(*, user: User, request: Request) -> dict[str, Any]:
    """Include hidden reviews."""
    serializer = ReviewExportSerializer(context={"request": request})
    return {"reviews": Rows(Review.objects.owned_by(user).order_by("id"), serializer.to_representation)}
