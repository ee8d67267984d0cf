from orders.models import Order
from orders.statuses import FulfilmentStatus


def fulfilment_status_of(order: Order) -> FulfilmentStatus:
    """Derive the status from lines and parcels. Units that are cancelled need no parcel."""
    if not order.fulfilments:
        return FulfilmentStatus.UNFULFILLED
    if any(line.unfulfilled for line in order.lines):
        return FulfilmentStatus.PARTIALLY_SHIPPED
    is_delivered = all(parcel.delivered_at for parcel in order.fulfilments)
    return FulfilmentStatus.DELIVERED if is_delivered else FulfilmentStatus.SHIPPED
