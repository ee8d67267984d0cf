from typing import Literal

from django.utils.safestring import SafeString

from orders.lifecycle import STATUSES
from orders.models import Order
from orders.returns.models import ReturnStatus
from shop.admin.html import badge

RETURN_LABELS: dict[str, Literal["", "info", "success", "warning", "danger"]] = {
    ReturnStatus.REQUESTED: "warning",
    ReturnStatus.APPROVED: "info",
    ReturnStatus.REJECTED: "",
    ReturnStatus.RECEIVED: "warning",
    ReturnStatus.REFUNDED: "success",
}


def status_badge(order: Order, field: str) -> SafeString:
    """``field`` is one of the three status fields."""
    return badge(getattr(order, f"get_{field}_display")(), STATUSES[field][getattr(order, field)].badge)
