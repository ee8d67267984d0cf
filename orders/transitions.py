"""Changes of an order and their effects, as :mod:`orders.lifecycle` lists them. Call them in a transaction."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from bson import ObjectId
from pymongo import UpdateMany

from catalog import services as catalog
from orders.lifecycle import STATUSES, TRANSITIONS, Actor, Event
from orders.mails import notify_customers, notify_staff
from orders.models import Order, TimelineEntry
from orders.personal_data import erase
from orders.reviews.services import check_reviews_later
from shop.audit import staff_log
from shop.db import documents


def require_allowed(order: Order, event: Event) -> None:
    """Raise the event's refusal if the order's statuses do not allow it."""
    if refusal := TRANSITIONS[event].refusal_of(order):
        raise refusal


def transition(
    order: Order,
    event: Event,
    *,
    actor: Actor,
    detail: str = "",
    fields: Mapping[str, Any] | None = None,
    notify: bool = True,
    refund: ObjectId | None = None,
    parcel: ObjectId | None = None,
) -> None:
    """``fields`` are written with the event; the customer's mail is about ``refund`` or ``parcel``. Raises its refusal.

    Read ``order`` in the same transaction, so that concurrent changes conflict.
    """
    transition_all(
        [order], event, actor=actor, detail=detail, fields=fields, notify=notify, refund=refund, parcel=parcel
    )


def transition_all(
    orders: Sequence[Order],
    event: Event,
    *,
    actor: Actor,
    detail: str = "",
    fields: Mapping[str, Any] | None = None,
    notify: bool = True,
    refund: ObjectId | None = None,
    parcel: ObjectId | None = None,
) -> None:
    """Raises the event's refusal if one of the orders does not allow it."""
    rule = TRANSITIONS[event]
    fields = fields or {}
    statuses = STATUSES.keys() & fields.keys()
    for order in orders:
        require_allowed(order, event)
        for name in statuses:
            if fields[name] not in (getattr(order, name), *rule.may_set.get(name, ())):
                raise ValueError(f"{event} cannot set {name} to {fields[name]}.")
    _write(orders, {**fields, **rule.sets}, TimelineEntry(event=event, detail=detail[:500], actor=actor))
    for order in orders:
        if order.detached_at is not None and (order.erased_at is not None or order.has_nothing_to_send):
            erase(order)
        if actor == Actor.STAFF and rule.staff_action:
            staff_log.record(rule.staff_action, order)
        if notify and rule.notifies_staff:
            notify_staff(order)
    if notify and rule.customer_mail:
        notify_customers(orders, event, refund=refund, parcel=parcel)


def write_fields(order: Order, fields: Mapping[str, Any]) -> None:
    """Write ``fields``; update sales and reviews if ``counts_as_sale`` changes."""
    _write([order], fields)


def _write(orders: Sequence[Order], fields: Mapping[str, Any], *entries: TimelineEntry) -> None:
    """Also add ``entries`` to the timelines, without a copy of each timeline to send."""
    changed = []
    rows: defaultdict[bool, list[ObjectId]] = defaultdict(list)
    for order in orders:
        for name, value in fields.items():
            setattr(order, name, value)
        order.timeline.extend(entries)
        if order.is_valid_purchase != order.counts_as_sale:
            changed.append(order)
        order.counts_as_sale = order.is_valid_purchase
        rows[order.counts_as_sale].append(order.pk)
    push = {"$push": {"timeline": {"$each": documents.stored_values(Order, {"timeline": entries})["timeline"]}}}
    documents.bulk_write(
        Order,
        [
            UpdateMany(
                {"_id": {"$in": pks}},
                {"$set": documents.stored_values(Order, {**fields, "counts_as_sale": counts}), **push},
            )
            for counts, pks in rows.items()
        ],
    )
    for order in changed:
        count_sales(order, sign=1 if order.counts_as_sale else -1)
        check_reviews_later(order)


def count_sales(order: Order, *, sign: int = 1) -> None:
    catalog.count_sales.enqueue(quantities={str(line.variant): sign * line.quantity for line in order.lines})
