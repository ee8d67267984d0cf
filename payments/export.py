"""Payments for data exports."""

from typing import Any

from accounts.export import Rows
from accounts.models import User
from payments.currencies import from_minor_units
from payments.models import Payment, Refund
from shop import money


def export_payments(*, user: User, base_url: str) -> dict[str, Any]:
    payments = Payment.objects.owned_by(user).order_by("id").prefetch_related("refunds")
    return {"payments": Rows(payments, _payment)}


def _payment(payment: Payment) -> dict[str, Any]:
    def amount(minor: int) -> str:
        return money.display(from_minor_units(minor, payment.currency), payment.currency)

    def shown(refund: Refund) -> dict[str, Any]:
        return {
            "id": refund.pk,
            "refund": refund.stripe_refund,
            "amount": amount(refund.amount),
            "reason": refund.reason,
            "status": refund.status,
            "created_at": refund.created_at,
        }

    return {
        "id": payment.pk,
        "order": payment.order_number,
        "payment_intent": payment.intent or None,
        "status": payment.status,
        "amount": amount(payment.amount),
        "amount_received": amount(payment.amount_received),
        "amount_refunded": amount(payment.amount_refunded),
        "currency": payment.currency,
        "created_at": payment.created_at,
        "refunds": [shown(refund) for refund in payment.refunds.all()],
    }
