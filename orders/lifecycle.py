"""Status changes of orders and their consequences."""

from collections.abc import Mapping
from typing import Any

from catalog import services as catalog
from orders.models import Order, TimelineEntry
from orders.personal_data import erase
from orders.reviews.services import check_reviews_later
from orders.statuses import Actor, Event
from shop.audit import staff_log
from shop.audit.staff_log import Action

STAFF_ACTIONS = {
    Event.CANCELLED: Action.CANCEL,
    Event.SHIPPED: Action.SHIP,
    Event.DELIVERED: Action.DELIVER,
    Event.FLAG_SETTLED: Action.SETTLE,
}


def transition(order: Order, fields: Mapping[str, Any], *, event: Event, actor: Actor, detail: str = "") -> None:
    """Read ``order`` in the same transaction, so that concurrent changes conflict."""
    entry = TimelineEntry(event=event, detail=detail[:500], actor=actor)
    write(order, {**fields, "timeline": [*order.timeline, entry]})
    if order.detached_at is not None and (order.erased_at is not None or order.has_nothing_to_send):
        erase(order)
    if actor == Actor.STAFF and event in STAFF_ACTIONS:
        staff_log.note(STAFF_ACTIONS[event], order)


def write(order: Order, fields: Mapping[str, Any]) -> None:
    """Write ``fields``; update sales and reviews if ``counts_as_sale`` changes."""
    for name, value in fields.items():
        setattr(order, name, value)
    changed = order.is_standing != order.counts_as_sale
    if changed:
        fields = {**fields, "counts_as_sale": order.is_standing}
        order.counts_as_sale = order.is_standing
    Order.objects.filter(pk=order.pk).update(**fields)
    if changed:
        count_sales(order, sign=1 if order.counts_as_sale else -1)
        check_reviews_later(order)


def count_sales(order: Order, *, sign: int = 1) -> None:
    """Call it in a transaction."""
    catalog.count_sales.enqueue(
        quantities={str(line.variant): sign * line.quantity for line in order.lines},
    )
