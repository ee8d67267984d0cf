from django.utils import timezone

from accounts.models import Address
from cart.promotions import uses
from orders import hooks, search_words
from orders.changes import record_updates
from orders.events import Actor
from orders.lifecycle import TRANSITIONS
from orders.models import Order, PostalAddress, RefundEntry, TimelineEntry
from shop.db import documents

_ADDRESSES = ("shipping_address", "billing_address")
_ERASED_FIELDS = (
    "email",
    *_ADDRESSES,
    "timeline",
    "refunds",
    "note",
    "notes",
    "tracking_number",
    "lines",
    "fulfilments",
    "returns",
    "search_words",
    "erased_at",
    "updated_at",
)


def erase(*orders: Order) -> None:
    """Erase personal data of detached orders, except what taxes require. Call it in a transaction."""
    for order in orders:
        for name in _ADDRESSES:
            if address := getattr(order, name):
                setattr(order, name, PostalAddress(country=address.country, state=address.state))
        for entry in filter(_is_typed, order.timeline):
            entry.detail = ""
        for parcel in order.fulfilments:
            parcel.tracking_number = parcel.tracking_url = ""
        for each in _with_reason(order):
            each.reason = ""
        for note in order.notes:
            note.text = ""
        for found in order.returns:
            found.answer = ""
            for line in found.lines:
                line.reason = ""
        order.email = order.note = order.tracking_number = ""
        order.updated_at = timezone.now()
        order.erased_at = order.erased_at or order.updated_at
        order.search_words = search_words.of(order)
    documents.update_rows(Order, {each.pk: {name: getattr(each, name) for name in _ERASED_FIELDS} for each in orders})
    record_updates(*orders)
    uses.forget_customers(order_numbers=[order.number for order in orders])
    hooks.on_erased(orders=orders)


def personal_data_of(order: Order) -> list[str]:
    left = [name for name in ("email", "note", "tracking_number") if getattr(order, name)]
    erased = [name for name in Address.POSTAL_FIELDS if name not in ("country", "state")]
    left += [
        name
        for name in _ADDRESSES
        if (address := getattr(order, name)) and any(getattr(address, field) for field in erased)
    ]
    if any(parcel.tracking_number or parcel.tracking_url for parcel in order.fulfilments):
        left.append("fulfilments")
    if any(each.answer or any(line.reason for line in each.lines) for each in order.returns):
        left.append("returns")
    if any(_is_typed(entry) and entry.detail for entry in order.timeline):
        left.append("timeline")
    if any(entry.reason for entry in _with_reason(order)):
        left.append("reasons of staff")
    if any(note.text for note in order.notes):
        left.append("notes")
    if not left and not set(order.search_words) <= set(search_words.of(order)):
        left.append("search_words")
    return left


def _with_reason(order: Order) -> list[TimelineEntry | RefundEntry]:
    """Return entries whose reason a member of staff may have typed."""
    refunds = [entry for entry in order.refunds if entry.staff is not None]
    return [*(entry for entry in order.timeline if entry.actor == Actor.STAFF), *refunds]


def _is_typed(entry: TimelineEntry) -> bool:
    return TRANSITIONS[entry.event].has_typed_detail and entry.actor != Actor.SYSTEM
