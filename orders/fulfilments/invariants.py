from collections import Counter
from collections.abc import Iterator

from bson import ObjectId

from orders.fulfilments.models import MAX_PARCELS
from orders.fulfilments.statuses import fulfilment_status_of
from orders.models import Order
from orders.statuses import FulfilmentStatus, OrderStatus
from shop.audit import Window, invariant_over

# Orders of earlier releases in these have no parcels, see `orders.fulfilments.models.add_missing_parcels`.
_OF_EARLIER_RELEASES = (FulfilmentStatus.SHIPPED, FulfilmentStatus.DELIVERED)


@invariant_over(Order, "only completed orders are shipped")
def shipped_orders_are_completed(orders: Window[Order]) -> Iterator[str]:
    for order in orders:
        if order.status != OrderStatus.COMPLETED and order.fulfilment_status != FulfilmentStatus.UNFULFILLED:
            yield f"{order.number} is {order.status}, but {order.fulfilment_status}"


@invariant_over(Order, "an order's parcels have what was shipped, at most what was ordered, and its status follows")
def parcels_have_what_was_shipped(orders: Window[Order]) -> Iterator[str]:
    for order in orders:
        if not order.fulfilments and order.fulfilment_status in _OF_EARLIER_RELEASES:
            continue
        packed: Counter[ObjectId] = Counter()
        for parcel in order.fulfilments:
            packed.update({each.line: each.quantity for each in parcel.lines})
        shipped = {line.variant: line.fulfilled for line in order.lines if line.fulfilled}
        if packed != Counter(shipped):
            yield f"{order.number} has {packed.total()} units in parcels, but {sum(shipped.values())} shipped"
        if any(line.unfulfilled < 0 for line in order.lines):
            yield f"{order.number} has a line with more units shipped or cancelled than ordered"
        if len(order.fulfilments) > MAX_PARCELS:
            yield f"{order.number} has {len(order.fulfilments)} parcels"
        if order.fulfilment_status != fulfilment_status_of(order):
            yield f"{order.number} is {order.fulfilment_status}, but by its parcels {fulfilment_status_of(order)}"
        if order.fulfilments:
            latest = order.fulfilments[-1]
            if (order.carrier, order.tracking_number) != (latest.carrier, latest.tracking_number):
                yield f"{order.number} has a carrier or tracking number that is not its latest parcel's"
