from typing import Any

from rest_framework import serializers

from orders.corrections import Correction
from orders.serializers import PostalAddressSerializer, postal_address
from orders.staff_serializers import OrderTagsField
from orders.taxes.serializers import TaxLineSerializer
from shop.api.optional_nulls import OptionalNulls
from shop.db.money_fields import MoneyField

ADDRESSES = ("shipping_address", "billing_address")


class CorrectedAddressesSerializer(OptionalNulls):
    shipping_address = PostalAddressSerializer(required=False)
    billing_address = PostalAddressSerializer(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return attrs | {name: postal_address(attrs[name]) for name in ADDRESSES if name in attrs}


class ChangeOrderSerializer(CorrectedAddressesSerializer):
    """Addresses can be corrected until something is shipped; shipping and taxes follow."""

    tags = OrderTagsField(required=False)
    expected_total = MoneyField(required=False, help_text="409 if the corrected order would cost something else.")
    waive_difference = serializers.BooleanField(
        required=False, help_text="Ask for nothing more, if a paid order becomes more expensive."
    )


class CorrectionSerializer(serializers.Serializer):
    """The price of an order with other addresses."""

    total_before = MoneyField(source="order.total", help_text="Total with the present addresses.")
    shipping = MoneyField()
    tax = MoneyField()
    tax_lines = TaxLineSerializer(many=True)
    total = MoneyField()
    difference = serializers.SerializerMethodField(help_text="Negative: a paid order is refunded so much.")

    def get_difference(self, correction: Correction) -> str:
        return MoneyField().to_representation(correction.difference)
