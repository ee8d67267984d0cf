from typing import Any

from payments.models import Payment
from payments.serializers import PaymentSerializer
from shop import changes
from shop.api.object_ids import parse_object_id
from shop.db import documents


def register() -> None:
    changes.register(
        changes.Kind(
            name="payment",
            permission="payments.view_payment",
            events={
                "created": "A payment was opened.",
                "processing": "Stripe is processing it.",
                "succeeded": "It has succeeded.",
                "failed": "An attempt has failed; another one may follow.",
                "canceled": "It was cancelled.",
                "refunded": "A refund of it has succeeded.",
                "updated": "Another change, such as its amount, or a refund that was made or has failed.",
            },
            show=show_payment,
            path="payments/{id}/",
        )
    )


class SentPaymentSerializer(PaymentSerializer):
    """Without what only the customer's browser needs."""

    client_secret = None  # type: ignore[assignment]
    customer_session_client_secret = None  # type: ignore[assignment]

    class Meta(PaymentSerializer.Meta):
        fields = [each for each in PaymentSerializer.Meta.fields if not each.endswith("client_secret")]
        read_only_fields = fields


def show_payment(object_id: str, parent: str) -> dict[str, Any] | None:
    payment = documents.find_one(Payment, {"_id": parse_object_id(object_id)})
    return None if payment is None else dict(SentPaymentSerializer(payment).data)
