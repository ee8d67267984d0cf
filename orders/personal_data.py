from django.utils import timezone

from accounts.models import Address
from orders import hooks
from orders.lifecycle import TRANSITIONS, Actor
from orders.models import Order, PostalAddress, TimelineEntry


def erase(order: Order) -> None:
    """Erase a detached order's personal data, except what taxes require. Call it in a transaction."""
    if address := order.shipping_address:
        order.shipping_address = PostalAddress(name="", line1="", city="", country=address.country, state=address.state)
    for entry in filter(_is_typed, order.timeline):
        entry.detail = ""
    order.note = order.tracking_number = ""
    order.erased_at = order.erased_at or timezone.now()
    order.save(update_fields=["shipping_address", "timeline", "note", "tracking_number", "erased_at"])
    hooks.on_erased(order=order)


def personal_data_of(order: Order) -> list[str]:
    address = order.shipping_address
    left = [name for name in ("note", "tracking_number") if getattr(order, name)]
    if address and any(getattr(address, name) for name in Address.POSTAL_FIELDS if name not in ("country", "state")):
        left.append("shipping_address")
    if any(_is_typed(entry) and entry.detail for entry in order.timeline):
        left.append("timeline")
    return left


def _is_typed(entry: TimelineEntry) -> bool:
    return TRANSITIONS[entry.event].has_typed_detail and entry.actor != Actor.SYSTEM
