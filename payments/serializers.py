from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils import timezone
from rest_framework import serializers

from orders.access import named_by_token
from orders.refunds import Units
from orders.serializers import OrderNumberField
from payments.currencies import display_minor_units
from payments.models import Payment, Refund
from shop.api.object_ids import ObjectIdField
from shop.api.optional_nulls import OptionalNulls
from shop.api.schema_fields import NULL, Alternative
from shop.db.money_fields import MoneyField


class PaymentSerializer(serializers.ModelSerializer):
    """A payment with the data that Stripe.js needs. `amount` is in Stripe's minor units."""

    order = serializers.CharField(source="order_number", read_only=True, help_text="The order's number.")
    payment_intent = serializers.CharField(source="intent", read_only=True, help_text="Id of Stripe's PaymentIntent.")
    client_secret = serializers.SerializerMethodField(help_text="For the paying customer; empty for staff.")
    customer_session_client_secret = serializers.SerializerMethodField(
        help_text="Lets the Payment Element save and offer cards. For orders placed with an account."
    )
    publishable_key = serializers.SerializerMethodField()

    class Meta:
        model = Payment
        fields = [
            "id",
            "order",
            "payment_intent",
            "client_secret",
            "customer_session_client_secret",
            "publishable_key",
            "amount",
            "currency",
            "status",
        ]
        read_only_fields = fields

    descriptions = {
        "amount": "Amount to pay, in Stripe's minor units: `1999` for 19.99.",
        "status": "Status of Stripe's PaymentIntent.",
    }

    def get_client_secret(self, payment: Payment) -> str:
        request = self.context["request"]
        is_own = request.user.pk is not None and payment.user_id == request.user.pk
        return payment.client_secret if is_own or payment.order_number == named_by_token(request) else ""

    def get_customer_session_client_secret(self, payment: Payment) -> str:
        is_valid = payment.customer_session_until is not None and payment.customer_session_until > timezone.now()
        return payment.customer_session if is_valid and payment.user_id == self.context["request"].user.pk else ""

    def get_publishable_key(self, payment: Payment) -> str:
        return settings.STRIPE_PUBLISHABLE_KEY


class OpenPaymentSerializer(serializers.Serializer):
    """`order` is the number of one of the user's own orders, or the order of the token; others are not found."""

    order = OrderNumberField()

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, dict) and not isinstance(data.get("order", ""), str):
            raise serializers.ValidationError({"order": "Must be a string."}, code="invalid")
        return super().to_internal_value(data)


class PaymentConfigSerializer(serializers.Serializer):
    publishable_key = serializers.CharField()
    currency = serializers.CharField()


class RefundSerializer(serializers.ModelSerializer):
    refund = serializers.CharField(source="stripe_refund", allow_null=True, read_only=True, help_text="Stripe's id.")
    amount = serializers.SerializerMethodField()

    class Meta:
        model = Refund
        fields = ["id", "refund", "amount", "status"]
        read_only_fields = fields

    def get_amount(self, refund: Refund) -> str:
        return display_minor_units(refund.amount, refund.currency)


class RefundLineSerializer(serializers.Serializer):
    line = ObjectIdField(help_text="The line's `id`.")
    quantity = serializers.IntegerField(
        min_value=1,
        max_value=settings.MAX_QUANTITY,
        help_text="Units that are not shipped are taken first, and cancelled.",
    )
    restock = serializers.BooleanField(default=False, help_text="Put the units back into stock.")

    def to_internal_value(self, data: Any) -> Any:
        return Units(**super().to_internal_value(data))


class RefundRequestSerializer(OptionalNulls):
    """`lines`, `shipping` or both, or an `amount`; without any of them all that is left is refunded."""

    amount = MoneyField(required=False, min_value=Decimal("0.001"))
    lines = RefundLineSerializer(
        many=True,
        required=False,
        allow_empty=False,
        max_length=settings.MAX_CART_LINES,  # type: ignore[call-arg]
    )
    shipping = serializers.BooleanField(
        default=False, help_text="Refund the shipping, with its tax, as far as it was not refunded before."
    )
    reason = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")

    alternatives: tuple[Alternative, ...] = (
        Alternative(
            "RefundOfAmount",
            required=("amount",),
            fields={"lines": NULL, "shipping": {"type": "boolean", "enum": [False]}},
        ),
        Alternative("RefundOfUnits", fields={"amount": NULL}),
    )
    descriptions = {
        "amount": "Amount to refund. Without it and `lines` and `shipping`, all that is left.",
        "lines": "Units to refund, at what was paid for them.",
        "reason": "Reason, for the staff.",
    }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "amount" in attrs and (attrs.get("lines") or attrs["shipping"]):
            detail = "Specify either an amount, or lines and shipping."
            raise serializers.ValidationError({"amount": detail}, code="ambiguous")
        return attrs
