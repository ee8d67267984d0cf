"""Zones and methods as staff edit them."""

from typing import Any

from rest_framework import serializers

from orders.shipping.models import ShippingMethod, ShippingRate, ShippingZone
from shop.api.fields import LowerSlugField
from shop.api.object_ids import ObjectIdField
from shop.api.optional_nulls import OptionalNulls
from shop.db.money_fields import MoneyField

PICKUP = ShippingMethod.PICKUP_FIELDS
MAX_PLACES = 5_000
MAX_RATES = 500
MAX_BAND_WEIGHT = 2**31 - 1


class PlacesField(serializers.ListField):
    def __init__(self, *, longest: int, **kwargs: Any) -> None:
        super().__init__(
            child=serializers.CharField(max_length=longest), max_length=MAX_PLACES, required=False, **kwargs
        )


class ShippingZoneSerializer(OptionalNulls, serializers.ModelSerializer):
    """A zone without places covers every address that no other zone covers."""

    countries = PlacesField(longest=2, help_text="ISO 3166 codes: `DE`, `AT`.")
    states = PlacesField(
        longest=120, help_text="ISO 3166-2 codes: `US-HI`. Addresses in these countries then need a state."
    )
    postal_codes = PlacesField(
        longest=40, help_text="Codes, beginnings and ranges by country: `DE 27498`, `GB BT*`, `US 96701..96898`."
    )

    class Meta:
        model = ShippingZone
        fields = ["id", "name", "countries", "states", "postal_codes"]

    descriptions = {"name": "For staff."}


class ShippingRateSerializer(OptionalNulls, serializers.ModelSerializer):
    """A price in a zone for a band of weight and subtotal, both ends included; of several that fit, the lowest."""

    id = ObjectIdField(required=False, help_text="Id of a former price that this replaces.")
    zone = serializers.PrimaryKeyRelatedField(
        queryset=ShippingZone.objects.all(), pk_field=ObjectIdField(), help_text="The zone's id."
    )
    price = MoneyField()
    free_from = MoneyField(required=False, allow_null=True, help_text="Subtotal from which shipping is free.")
    min_weight = serializers.IntegerField(
        min_value=0, max_value=MAX_BAND_WEIGHT, required=False, allow_null=True, help_text="In grams."
    )
    max_weight = serializers.IntegerField(
        min_value=0, max_value=MAX_BAND_WEIGHT, required=False, allow_null=True, help_text="In grams."
    )
    min_subtotal = MoneyField(required=False, allow_null=True)
    max_subtotal = MoneyField(required=False, allow_null=True)

    class Meta:
        model = ShippingRate
        fields = [
            "id",
            "zone",
            "price",
            "free_from",
            "min_weight",
            "max_weight",
            "min_subtotal",
            "max_subtotal",
        ]

    descriptions = {
        "price": "Price of shipping in this band.",
        "min_subtotal": "Subtotal after discounts from which this applies, or null.",
        "max_subtotal": "Subtotal after discounts up to which this applies, or null.",
    }


class StaffShippingMethodSerializer(OptionalNulls, serializers.ModelSerializer):
    """A shipping method or, with `is_pickup`, a place of pick-up."""

    code = LowerSlugField(max_length=40, help_text="Orders name it.")
    price = MoneyField(help_text="Everywhere; with `rates` it is only shown until the address is known.")
    rates = ShippingRateSerializer(
        many=True,
        required=False,
        max_length=MAX_RATES,
        help_text="Prices by zone; all of them are replaced. Without any, the method serves all addresses.",
    )  # type: ignore[call-arg]

    class Meta:
        model = ShippingMethod
        fields = [
            "id",
            "code",
            "name",
            "description",
            "price",
            "position",
            "is_active",
            "is_pickup",
            *ShippingMethod.PICKUP_FIELDS,
            "rates",
        ]

    descriptions = {
        "position": "Sort order, lowest first; the first active one is the shop's default.",
        "is_active": "Inactive methods are not offered.",
        **{name: f"{name.removeprefix('pickup_').capitalize()} of the pick-up, or empty." for name in PICKUP},
    }
