"""Internal notes and tags of orders. Each call requires an acting member of staff."""

from collections.abc import Sequence
from datetime import timedelta

from bson import ObjectId
from django.utils import timezone

from orders import search_words
from orders.changes import record_updates
from orders.errors import NoteNotOwn, OrderErased, TooManyNotes
from orders.models import Note, Order
from orders.staff import acting_staff_id
from shop.api import idempotency
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.db import documents
from shop.db.transactions import transactional

MAX_NOTES = 100
# The same text within this time is a form that was sent twice.
REPEATED_WITHIN = timedelta(minutes=1)
ORDERS_SEARCHED = 200


@transactional("orders.add_note")
def add_note(*, order: Order, text: str) -> Note:
    """Raises ``TooManyNotes``, ``OrderErased``."""
    order = Order.objects.get(pk=order.pk)
    if order.erased_at is not None:
        raise OrderErased
    note = Note(text=text, staff=acting_staff_id())
    repeated = [each for each in order.notes if (each.text, each.staff) == (note.text, note.staff)]
    if repeated and note.at - repeated[-1].at < REPEATED_WITHIN:
        note = repeated[-1]
    elif len(order.notes) >= MAX_NOTES:
        raise TooManyNotes
    else:
        _write_notes(order, [*order.notes, note])
    idempotency.finish(status=201, reference=str(note.key))
    return note


@transactional("orders.delete_note")
def delete_note(*, order: Order, key: ObjectId) -> None:
    """Raises ``NoteNotOwn``."""
    order = Order.objects.get(pk=order.pk)
    left = [note for note in order.notes if note.key != key or note.staff != acting_staff_id()]
    if len(left) == len(order.notes):
        raise NoteNotOwn
    _write_notes(order, left)


def _write_notes(order: Order, notes: Sequence[Note]) -> None:
    order.notes = list(notes)
    Order.objects.filter(pk=order.pk).update(notes=order.notes, search_words=search_words.of(order))
    record_updates(order)
    staff_log.record(Action.CHANGE, order, fields=["notes"])


@transactional("orders.set_tags")
def set_tags(*, order: Order, tags: Sequence[str]) -> None:
    """``tags`` are normalized and valid."""
    order = Order.objects.get(pk=order.pk)
    if order.tags != tags:
        order.tags = list(tags)
        Order.objects.filter(pk=order.pk).update(tags=order.tags, search_words=search_words.of(order))
        record_updates(order)
        staff_log.record(Action.CHANGE, order, fields=["tags"])


def suggested_tags() -> list[str]:
    """Return the tags of the orders that changed last, within a year."""
    stages = [
        {"$match": {"tags": {"$gt": ""}, "updated_at": {"$gt": timezone.now() - timedelta(days=365)}}},
        {"$sort": {"updated_at": -1}},
        {"$limit": ORDERS_SEARCHED},
        {"$project": {"_id": 0, "tags": 1}},
    ]
    rows = documents.aggregate(Order, stages, index="order_tagged")
    return sorted({tag for row in rows for tag in row["tags"]})
