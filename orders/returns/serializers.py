from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from orders.models import Order, RefundEntry
from orders.returns.models import OrderReturn, ReturnStatus
from orders.returns.services import ReceivedLine, RequestedLine
from shop.api.object_ids import ObjectIdField
from shop.api.optional_nulls import OptionalNulls
from shop.db.money_fields import MoneyField


class ReturnedLineSerializer(serializers.Serializer):
    line = ObjectIdField(help_text="The `id` of the order's line.")
    quantity = serializers.IntegerField()
    unshipped = serializers.IntegerField(help_text="Units of a withdrawal that were not shipped, and will not be.")
    reason = serializers.CharField()
    restocked = serializers.BooleanField(allow_null=True, help_text="Null until the units are received.")
    missing = serializers.IntegerField(help_text="Units that had not arrived when the return was received.")


class ReturnRefundSerializer(serializers.Serializer):
    id = ObjectIdField(source="refund")
    amount = MoneyField()
    status = serializers.CharField()


class ReturnsSerializer(serializers.ListSerializer):
    def get_attribute(self, instance: Order) -> list[OrderReturn]:
        return with_refunds(instance)


def with_refunds(order: Order) -> list[OrderReturn]:
    """Return the order's returns, each with its refund."""
    refunds = {entry.refund: entry for entry in order.refunds}
    for each in order.returns:
        each.refund_entry = refunds.get(each.refund) if each.refund else None
    return order.returns


class ReturnSerializer(serializers.Serializer):
    """A return or withdrawal."""

    id = ObjectIdField(source="key")
    status = serializers.ChoiceField(choices=list(ReturnStatus))
    withdrawal = serializers.BooleanField()
    lines = ReturnedLineSerializer(many=True)
    expected_refund = MoneyField(help_text="When it was requested; with the shipping if all of the order is withdrawn.")
    refund = serializers.SerializerMethodField(help_text="Null until one was made.")
    refund_failed = serializers.BooleanField(help_text="Staff have to refund it again.")
    answer = serializers.CharField(help_text="The shop's answer.")
    created_at = serializers.DateTimeField()
    received_at = serializers.DateTimeField(allow_null=True, help_text="Time at which the units came back, or null.")

    class Meta:
        list_serializer_class = ReturnsSerializer

    @extend_schema_field(ReturnRefundSerializer(allow_null=True))
    def get_refund(self, found: OrderReturn) -> dict[str, Any] | None:
        entry: RefundEntry | None = found.refund_entry
        return None if entry is None else ReturnRefundSerializer(entry).data


class RequestedLineSerializer(OptionalNulls):
    line = ObjectIdField(help_text="The `id` of the order's line.")
    quantity = serializers.IntegerField(min_value=1, max_value=settings.MAX_QUANTITY)
    reason = serializers.CharField(
        max_length=300, required=False, allow_blank=True, default="", help_text="Not needed for a withdrawal."
    )

    def to_internal_value(self, data: Any) -> Any:
        return RequestedLine(**super().to_internal_value(data))


class RequestReturnSerializer(serializers.Serializer):
    lines = RequestedLineSerializer(
        many=True,
        allow_empty=False,
        max_length=settings.MAX_CART_LINES,  # type: ignore[call-arg]
    )
    withdrawal = serializers.BooleanField(
        default=False, help_text="Withdraw from the contract: units that are not shipped are cancelled."
    )


class ReturnPreviewSerializer(serializers.Serializer):
    """The effect of a request."""

    withdrawal = serializers.BooleanField()
    lines = ReturnedLineSerializer(many=True)
    expected_refund = MoneyField(help_text="The refund to expect.")
    refunds_shipping = serializers.BooleanField(help_text="Whether the refund includes the shipping.")


class ApproveSerializer(OptionalNulls):
    answer = serializers.CharField(
        max_length=300, required=False, allow_blank=True, default="", help_text="Shown to the customer."
    )
    refund = serializers.BooleanField(
        default=True,
        help_text="Refund a withdrawal of units that were not shipped. Without it, `receive/` can refund it later.",
    )


class RejectSerializer(serializers.Serializer):
    answer = serializers.CharField(max_length=300, help_text="The reason, shown to the customer.")


class ReceivedLineSerializer(OptionalNulls):
    line = ObjectIdField(help_text="The `id` of the order's line.")
    restock = serializers.BooleanField(required=False, help_text="Put the units back into stock.")
    quantity = serializers.IntegerField(
        min_value=0,
        max_value=settings.MAX_QUANTITY,
        required=False,
        help_text="Units that have arrived; all of the return's without it. The others are `missing`: they are not "
        "refunded, and can be returned again.",
    )


class ReceiveSerializer(OptionalNulls):
    lines = ReceivedLineSerializer(
        many=True,
        required=False,
        max_length=settings.MAX_CART_LINES,  # type: ignore[call-arg]
        help_text="Lines that are not named have arrived, and are not restocked.",
    )
    refund = serializers.BooleanField(default=True, help_text="Refund the units that were not refunded before.")
    shipping = serializers.BooleanField(
        default=False, help_text="Refund the shipping as well, as withdrawals from a whole order do."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs["lines"] = [ReceivedLine(**each) for each in attrs.get("lines", [])]
        return attrs
