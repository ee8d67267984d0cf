from collections.abc import Mapping
from typing import Any, ClassVar

from bson import ObjectId
from rest_framework import serializers
from rest_framework.generics import get_object_or_404

from accounts.models import Address
from accounts.serializers import NewEmailAddressField
from orders.models import PostalAddress
from orders.serializers import PostalAddressSerializer, postal_address
from shop.api.fields import LowerCodeField
from shop.api.object_ids import ObjectIdField
from shop.api.optional_nulls import OptionalNulls
from shop.api.schema_fields import NULL, Alternative
from shop.db.money_fields import MoneyField


class PlaceOrderSerializer(OptionalNulls):
    """Destination and shipping of an order for the cart's items. Give `shipping_address` or `address_id`.

    Neither is needed if `shipping_method` is a pick-up, whose place then determines zone and tax.
    The order is billed to `billing_address` or `billing_address_id`, or without them to the shipping address if any.
    Guests give `email`; with an account it is ignored.
    """

    email = NewEmailAddressField(required=False, help_text="Required of guests.")
    shipping_address = PostalAddressSerializer(required=False)
    address_id = ObjectIdField(required=False)
    billing_address = PostalAddressSerializer(required=False)
    billing_address_id = ObjectIdField(required=False)
    shipping_method = LowerCodeField(max_length=40, required=False)
    expected_total = MoneyField(required=False)
    note = serializers.CharField(max_length=500, required=False, allow_blank=True)

    alternatives: tuple[Alternative, ...] = (
        Alternative("OrderToAddress", required=("shipping_address",), fields={"address_id": NULL}),
        Alternative("OrderToSavedAddress", required=("address_id",), fields={"shipping_address": NULL}),
        Alternative(
            "OrderToPickUp", required=("shipping_method",), fields={"shipping_address": NULL, "address_id": NULL}
        ),
    )
    descriptions = {
        "expected_total": "The total that the customer saw: 409 if the order would cost something else.",
        "shipping_method": "Code of a shipping method; the default one if absent.",
        "note": "A note of the customer for the shop.",
    }

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, Mapping) and self.context["request"].user.is_authenticated:
            data = {name: value for name, value in data.items() if name != "email"}
        return super().to_internal_value(data)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        user = self.context["request"].user
        attrs["email"] = user.email if user.is_authenticated else attrs.get("email")
        if not attrs["email"]:
            raise serializers.ValidationError({"email": "This field is required."}, code="required")
        fields, address_id = attrs.pop("shipping_address", None), attrs.pop("address_id", None)
        # Not by default: the default method may be a pick-up.
        if not fields and not address_id and not attrs.get("shipping_method"):
            raise serializers.ValidationError({"shipping_address": "This field is required."}, code="required")
        if fields and address_id:
            detail = "Specify either an address or an address id."
            raise serializers.ValidationError({"address_id": detail}, code="ambiguous")
        billing, billing_id = attrs.pop("billing_address", None), attrs.pop("billing_address_id", None)
        if billing and billing_id:
            detail = "Specify either an address or an address id."
            raise serializers.ValidationError({"billing_address_id": detail}, code="ambiguous")
        attrs["address"] = self._address(fields, address_id) if fields or address_id else None
        if billing or billing_id:
            attrs["billing_address"] = self._address(billing, billing_id)
        return attrs

    def _address(self, fields: dict[str, Any] | None, address_id: ObjectId | None) -> PostalAddress:
        if not fields:
            user = self.context["request"].user
            saved = Address.objects.owned_by(user) if user.is_authenticated else Address.objects.none()
            own = get_object_or_404(saved, pk=address_id)
            fields = {name: getattr(own, name) for name in Address.POSTAL_FIELDS}
        return postal_address(fields)


class DestinationSerializer(PostalAddressSerializer):
    """An address, or of it only the country, state and postal code."""

    class Meta(PostalAddressSerializer.Meta):
        extra_kwargs: ClassVar[dict[str, dict[str, Any]]] = {
            **PostalAddressSerializer.Meta.extra_kwargs,
            **{name: {"required": False, "allow_blank": True} for name in ("name", "line1")},
        }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        given = [name for name in ("name", "line1") if attrs.get(name)]
        if not given:
            return attrs
        if missing := {"name", "line1"} - set(given):
            raise serializers.ValidationError(dict.fromkeys(missing, "This field is required."), code="required")
        return super().validate(attrs)


class QuoteRequestSerializer(PlaceOrderSerializer):
    """An order to price. Give `shipping_address` or `address_id`, or for a pick-up the `shipping_method` alone."""

    shipping_address = DestinationSerializer(required=False)

    alternatives = tuple(
        each._replace(name=each.name.replace("Order", "Quote", 1)) for each in PlaceOrderSerializer.alternatives
    )
