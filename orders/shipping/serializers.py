from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from orders.shipping.models import ShippingMethod
from shop.db.money_fields import MoneyField


class PickupAddressSerializer(serializers.Serializer):
    name = serializers.CharField()
    line1 = serializers.CharField()
    line2 = serializers.CharField()
    city = serializers.CharField()
    state = serializers.CharField()
    postal_code = serializers.CharField()
    country = serializers.CharField()


class ShippingMethodSerializer(serializers.ModelSerializer):
    """Its price anywhere, or before the address is known; a quote has the price for an address."""

    price = MoneyField()
    pickup_address = serializers.SerializerMethodField(help_text="Null if it is no pick-up.")

    class Meta:
        model = ShippingMethod
        fields = ["code", "name", "price", "description", "is_pickup", "pickup_address"]

    @extend_schema_field(PickupAddressSerializer(allow_null=True))
    def get_pickup_address(self, method: ShippingMethod) -> dict[str, Any] | None:
        return method.pickup_address


class OfferedMethodSerializer(serializers.Serializer):
    """A shipping method at its price for an address and a cart, after promotions: that of an order by it."""

    code = serializers.CharField(source="method.code")
    name = serializers.CharField(source="method.name")
    price = MoneyField()
    description = serializers.CharField(source="method.description")
    is_pickup = serializers.BooleanField(source="method.is_pickup")
    pickup_address = PickupAddressSerializer(source="method.pickup_address", allow_null=True)
