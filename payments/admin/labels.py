from django.utils.safestring import SafeString

from payments.currencies import from_minor_units
from payments.models import Payment, Refund
from shop.admin.html import badge, price

REFUND_LABELS = {
    "pending": "warning",
    "requires_action": "warning",
    "succeeded": "success",
    "failed": "danger",
    "canceled": "danger",
}
# https://docs.stripe.com/api/payment_intents/object#payment_intent_object-status; empty before Stripe has answered.
INTENT_LABELS = {
    "": "",
    "requires_payment_method": "",
    "requires_confirmation": "",
    "requires_action": "",
    "requires_capture": "",
    "processing": "info",
    "succeeded": "success",
    "canceled": "danger",
}
EVENT_LABELS = {"received": "info", "applied": "success", "ignored": "", "flagged": "danger", "failed": "danger"}


def amount_of(minor: int, currency: str) -> str:
    """Format Stripe's minor units: ``14.90 USD``."""
    return price(from_minor_units(minor, currency), currency)


def payment_badge(payment: Payment) -> SafeString:
    return badge((payment.status or "not opened").replace("_", " "), INTENT_LABELS.get(payment.status, ""))


def refund_badge(refund: Refund) -> SafeString:
    return badge(refund.get_status_display().replace("_", " "), REFUND_LABELS.get(refund.status, ""))
