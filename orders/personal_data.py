"""Erasure of personal data of orders."""

from typing import Any

from django.utils import timezone

from accounts.models import Address
from orders import hooks
from orders.lifecycle import TRANSITIONS, Actor
from orders.models import Order, PostalAddress, TimelineEntry

TYPED_EVENTS = frozenset(event for event, rule in TRANSITIONS.items() if rule.has_typed_detail)


def erase(order: Order) -> None:
    """Erase a detached order's personal data. Call it in a transaction."""
    fields = _erased_fields(order)
    Order.objects.filter(pk=order.pk).update(**fields)
    for name, value in fields.items():
        setattr(order, name, value)
    hooks.on_erased(order=order)


def personal_data_of(order: Order) -> list[str]:
    """Return the fields that still have personal data."""
    address = order.shipping_address
    left = [name for name in ("note", "tracking_number") if getattr(order, name)]
    if address and any(getattr(address, name) for name in Address.POSTAL_FIELDS if name not in ("country", "state")):
        left.append("shipping_address")
    if any(_is_typed(entry) and entry.detail for entry in order.timeline):
        left.append("timeline")
    return left


def _is_typed(entry: TimelineEntry) -> bool:
    return entry.event in TYPED_EVENTS and entry.actor != Actor.SYSTEM


def _erased_fields(order: Order) -> dict[str, Any]:
    """Keep only what taxes require."""
    address = order.shipping_address
    for entry in order.timeline:
        if _is_typed(entry):
            entry.detail = ""
    return {
        "shipping_address": address
        and PostalAddress(name="", line1="", city="", country=address.country, state=address.state),
        "note": "",
        "tracking_number": "",
        "timeline": order.timeline,
        "erased_at": order.erased_at or timezone.now(),
    }
