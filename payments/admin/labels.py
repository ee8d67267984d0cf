"""The colours of money's states, and amounts as they are shown."""

from shop import money
from shop.admin.html import price

REFUND_LABELS = {
    "pending": "warning",
    "requires_action": "warning",
    "succeeded": "success",
    "failed": "danger",
    "canceled": "danger",
}
INTENT_LABELS = {"succeeded": "success", "processing": "info", "canceled": "danger"}
EVENT_LABELS = {"received": "info", "applied": "success", "ignored": "", "flagged": "danger", "failed": "danger"}


def amount_of(minor: int, currency: str) -> str:
    """An amount in Stripe's minor units as people read it: ``14.90 USD``."""
    return price(money.from_minor_units(minor, currency), currency)
