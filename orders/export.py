from typing import Any

from accounts.export import Rows
from accounts.models import User
from orders.invoices.models import Invoice
from orders.invoices.serializers import exported
from orders.models import Order
from orders.reviews.models import Review
from orders.reviews.serializers import ReviewExportSerializer
from orders.serializers import OrderSerializer


def export_orders(*, user: User, base_url: str) -> dict[str, Any]:
    serializer = OrderSerializer(context={"base_url": base_url})

    def show(order: Order) -> dict[str, Any]:
        documents = Invoice.objects.filter(order=order.pk).order_by("pk") if order.invoice else []
        return {**serializer.to_representation(order), "invoices": [exported(each) for each in documents]}

    return {"orders": Rows(Order.objects.owned_by(user), show)}


def export_reviews(*, user: User, base_url: str) -> dict[str, Any]:
    """Include hidden reviews."""
    return {"reviews": Rows(Review.objects.owned_by(user), ReviewExportSerializer().to_representation)}
