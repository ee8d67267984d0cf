from typing import Literal

from django.utils.safestring import SafeString

from orders.lifecycle import STATUSES
from orders.models import Order
from orders.returns.models import ReturnStatus
from orders.statuses import EVER_PAID_STATUSES, OrderStatus, PaymentStatus
from shop.admin.html import badge

# Where no column says that they are about payments.
_ADMIN_LABELS = {PaymentStatus.FAILED: "Payment failed", PaymentStatus.PROCESSING: "Payment processing"}

RETURN_LABELS: dict[str, Literal["", "info", "success", "warning", "danger"]] = {
    ReturnStatus.REQUESTED: "warning",
    ReturnStatus.APPROVED: "info",
    ReturnStatus.REJECTED: "",
    ReturnStatus.RECEIVED: "warning",
    ReturnStatus.REFUNDED: "success",
}


def order_badges(order: Order) -> list[SafeString]:
    """Return what is done and what is left to do: "Paid", "Unfulfilled"; "Payment failed"; "Cancelled", "Refunded"."""
    payment = status_badge(order, "payment_status")
    if order.status == OrderStatus.PENDING:
        return [payment]
    if order.status == OrderStatus.CANCELLED:
        is_paid = order.payment_status in EVER_PAID_STATUSES
        return [status_badge(order, "status"), *([payment] if is_paid else [])]
    return [payment, status_badge(order, "fulfilment_status")]


def status_badge(order: Order, field: str) -> SafeString:
    """``field`` is one of the three status fields."""
    value = getattr(order, field)
    label = _ADMIN_LABELS.get(value) or getattr(order, f"get_{field}_display")()
    return badge(label, STATUSES[field][value].badge)
