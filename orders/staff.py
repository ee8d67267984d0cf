"""Members of staff, and API keys, that changed orders."""

from collections.abc import Iterable

from bson import ObjectId

from accounts import names
from orders.models import Note, Order, TimelineEntry
from shop.http import request_context


def acting_staff_id() -> ObjectId | None:
    staff = request_context.acting_staff()
    return ObjectId(staff.id) if staff else None


def names_in(orders: Iterable[Order]) -> dict[ObjectId, str]:
    """Return the names of those whom the orders name; deleted accounts have none."""
    rows = list(orders)
    entries: list[TimelineEntry | Note] = [entry for order in rows for entry in order.timeline]
    return names_of([*entries, *(note for order in rows for note in order.notes)])


def names_of(entries: Iterable[TimelineEntry | Note]) -> dict[ObjectId, str]:
    return names.names_of(entry.staff for entry in entries if entry.staff is not None)
