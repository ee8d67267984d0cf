from typing import Any

from accounts.export import Rows
from accounts.models import User
from payments.currencies import display_minor_units
from payments.models import Payment, StripeCustomer


def export_payments(*, user: User, base_url: str) -> dict[str, Any]:
    payments = Payment.objects.owned_by(user).prefetch_related("refunds")
    customer = StripeCustomer.objects.filter(user=user).values_list("customer", flat=True).first()
    return {"payments": Rows(payments, _payment), "stripe_customer": customer or ""}


def _payment(payment: Payment) -> dict[str, Any]:
    currency = payment.currency
    return {
        "id": payment.pk,
        "order": payment.order_number,
        "payment_intent": payment.intent or None,
        "status": payment.status,
        "amount": display_minor_units(payment.amount, currency),
        "amount_received": display_minor_units(payment.amount_received, currency),
        "amount_refunded": display_minor_units(payment.amount_refunded, currency),
        "currency": currency,
        "created_at": payment.created_at,
        "refunds": [
            {
                "id": refund.pk,
                "refund": refund.stripe_refund,
                "amount": display_minor_units(refund.amount, currency),
                "reason": refund.reason,
                "status": refund.status,
                "created_at": refund.created_at,
            }
            for refund in payment.refunds.all()
        ],
    }
