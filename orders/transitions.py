"""Changes of an order and their effects, as :mod:`orders.lifecycle` lists them. Call them in a transaction."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from bson import ObjectId
from django.utils import timezone
from pymongo import UpdateMany, UpdateOne

from catalog import services as catalog
from orders.changes import record_events
from orders.events import Actor, Event
from orders.lifecycle import STATUSES, TRANSITIONS
from orders.mails import customer_mail, notify_staff, pushed_mail
from orders.metrics import count_events
from orders.models import Order, RefundEntry, TimelineEntry
from orders.personal_data import erase
from orders.reviews.services import check_reviews_later
from orders.staff import acting_staff_id
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
    refund: RefundEntry | None = None,
    parcel: ObjectId | None = None,
    returned: ObjectId | None = None,
) -> None:
    """``fields`` are written with the event; the customer's mail is about ``refund``, ``parcel`` or ``returned``.

    Raises the event's refusal. Read ``order`` in the same transaction, so that concurrent changes conflict.
    """
    transition_all(
        [order],
        event,
        actor=actor,
        detail=detail,
        fields=fields,
        notify=notify,
        refund=refund,
        parcel=parcel,
        returned=returned,
    )


def transition_all(
    orders: Sequence[Order],
    event: Event,
    *,
    actor: Actor,
    detail: str = "",
    fields: Mapping[str, Any] | None = None,
    notify: bool = True,
    refund: RefundEntry | None = None,
    parcel: ObjectId | None = None,
    returned: ObjectId | None = None,
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
    entry = TimelineEntry(event=event, detail=detail[:500], actor=actor)
    if refund is not None:
        # A job or an event reports it, without the member of staff.
        entry.staff, entry.reason = refund.staff, refund.reason
    elif actor == Actor.STAFF:
        entry.staff = acting_staff_id()
    sends_mail = notify and rule.customer_mail is not None
    _write(
        orders,
        {**fields, **rule.sets},
        entry,
        sends_mail=sends_mail,
        refund=refund.refund if refund else None,
        parcel=parcel,
        returned=returned,
    )
    count_events(event, len(orders))
    for order in orders:
        if order.detached_at is not None and (order.erased_at is not None or order.has_nothing_to_send):
            erase(order)
        if actor == Actor.STAFF and rule.staff_action:
            staff_log.record(rule.staff_action, order)
        if notify and rule.notifies_staff:
            notify_staff(order, event, returned=returned)


def write_fields(order: Order, fields: Mapping[str, Any]) -> None:
    """Write ``fields``; update sales and reviews if ``counts_as_sale`` changes."""
    _write([order], fields)


def _write(
    orders: Sequence[Order],
    fields: Mapping[str, Any],
    *entries: TimelineEntry,
    sends_mail: bool = False,
    refund: ObjectId | None = None,
    parcel: ObjectId | None = None,
    returned: ObjectId | None = None,
) -> None:
    """Also add ``entries`` to the timelines, without a copy of each timeline to send, and queue the last one's mail."""
    changed, mails = [], []
    updates: list[UpdateOne | UpdateMany] = []
    fields = {**fields, "updated_at": timezone.now()}
    rows: defaultdict[bool, list[ObjectId]] = defaultdict(list)
    added = {"timeline": {"$each": documents.stored_values(Order, {"timeline": entries})["timeline"]}}
    for order in orders:
        for name, value in fields.items():
            setattr(order, name, value)
        order.timeline.extend(entries)
        if order.is_valid_purchase != order.counts_as_sale:
            changed.append(order)
        order.counts_as_sale = order.is_valid_purchase
        rows[order.counts_as_sale].append(order.pk)
        if sends_mail:
            event = Event(entries[-1].event)
            mails.append(customer_mail(order, event, refund=refund, parcel=parcel, returned=returned))
            updates.append(UpdateOne({"_id": order.pk}, {"$push": {"mails": pushed_mail(order, mails[-1])}}))
    for counts, pks in rows.items():
        changes = {"$set": documents.stored_values(Order, {**fields, "counts_as_sale": counts}), "$push": added}
        updates.append(UpdateMany({"_id": {"$in": pks}}, changes))
    documents.bulk_write(Order, updates)
    for order in orders:
        record_events(order, *(entry.event for entry in entries), returned=returned)
    for order in changed:
        count_sales(order, sign=1 if order.counts_as_sale else -1)
        check_reviews_later(order)
    documents.insert(*mails)


def count_sales(order: Order, *, sign: int = 1) -> None:
    catalog.count_sales.enqueue(quantities={str(pk): sign * units for pk, units in order.sold_units.items()})
