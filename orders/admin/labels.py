from django.utils.safestring import SafeString

from orders.lifecycle import STATUSES
from orders.models import Order
from shop.admin.html import badge


def status_badge(order: Order, field: str) -> SafeString:
    """``field`` is one of the three status fields."""
    return badge(getattr(order, f"get_{field}_display")(), STATUSES[field][getattr(order, field)].badge)
