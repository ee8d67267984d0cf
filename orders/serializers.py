from typing import Any

from django.http import Http404
from rest_framework import serializers

from accounts.models import Address
from accounts.serializers import AddressSerializer
from accounts.subdivisions import normalize_state
from orders.lifecycle import (
    FULFILMENT_EVENTS,
    TRANSITIONS,
    Actor,
    Event,
    FulfilmentStatus,
    OrderStatus,
    PaymentStatus,
)
from orders.models import Order, PostalAddress, ShippingMethod, TimelineEntry
from shop.api.fields import LowerCodeField
from shop.api.object_ids import ObjectIdField
from shop.api.optional_nulls import OptionalNulls, given
from shop.db.money_fields import MoneyField
from shop.media.fields import ImageURLField


class PostalAddressSerializer(AddressSerializer):
    class Meta(AddressSerializer.Meta):
        fields = list(Address.POSTAL_FIELDS)


class OrderLineSerializer(serializers.Serializer):
    product = ObjectIdField()
    variant = ObjectIdField()
    sku = serializers.CharField()
    name = serializers.CharField()
    options = serializers.DictField(child=serializers.CharField())
    image = ImageURLField(size="thumbnail")
    quantity = serializers.IntegerField()
    unit_price = MoneyField()
    line_total = MoneyField()


class RefundEntrySerializer(serializers.Serializer):
    id = ObjectIdField(source="refund")
    amount = MoneyField()
    status = serializers.CharField()
    created_at = serializers.DateTimeField()


INTERNAL_EVENTS = frozenset(event for event, rule in TRANSITIONS.items() if rule.is_internal)
EVENTS_WITHOUT_DETAIL = frozenset(event for event, rule in TRANSITIONS.items() if rule.has_internal_detail)


def timeline_for_buyer(order: Order) -> list[TimelineEntry]:
    return [
        TimelineEntry(at=entry.at, event=entry.event, actor=entry.actor, detail="")
        if entry.event in EVENTS_WITHOUT_DETAIL
        else entry
        for entry in order.timeline
        if entry.event not in INTERNAL_EVENTS
    ]


class TimelineSerializer(serializers.ListSerializer):
    """Flags and dispute ids need ``internal`` in the context."""

    def get_attribute(self, instance: Order) -> list[TimelineEntry]:
        return instance.timeline if self.context.get("internal") else timeline_for_buyer(instance)


class TimelineEntrySerializer(serializers.Serializer):
    at = serializers.DateTimeField()
    event = serializers.ChoiceField(choices=list(Event))
    detail = serializers.CharField()
    actor = serializers.ChoiceField(choices=list(Actor))

    class Meta:
        list_serializer_class = TimelineSerializer


class TotalsSerializer(serializers.Serializer):
    # No docstring: the descriptions of orders would inherit it.
    lines = OrderLineSerializer(many=True)
    subtotal = MoneyField()
    discount = MoneyField()
    shipping = MoneyField()
    tax = MoneyField()
    total = MoneyField()


class OrderSerializer(TotalsSerializer, serializers.ModelSerializer):
    coupon = serializers.SerializerMethodField()
    shipping_method = serializers.SerializerMethodField()
    shipping_address = PostalAddressSerializer()
    payment = ObjectIdField(allow_null=True)
    refunds = RefundEntrySerializer(many=True)
    timeline = TimelineEntrySerializer(many=True)

    class Meta:
        model = Order
        fields = [
            "number",
            "status",
            "payment_status",
            "fulfilment_status",
            "lines",
            "subtotal",
            "discount",
            "shipping",
            "tax",
            "total",
            "currency",
            "coupon",
            "shipping_method",
            "shipping_address",
            "note",
            "carrier",
            "tracking_number",
            "payment",
            "refunds",
            "expires_at",
            "created_at",
            "timeline",
        ]
        read_only_fields = fields

    def get_coupon(self, order: Order) -> str | None:
        return order.coupon or None

    def get_shipping_method(self, order: Order) -> str | None:
        return order.shipping_method or None


class QuoteSerializer(TotalsSerializer):
    """The price of an order, in the order's shape."""

    currency = serializers.CharField()
    coupon = serializers.CharField(source="priced.coupon.code", allow_null=True)
    shipping_method = serializers.CharField(source="shipping_method.code", allow_null=True)
    prices_include_tax = serializers.BooleanField()


class PlaceOrderSerializer(OptionalNulls):
    """Destination and shipping of an order for the cart's items. Give `shipping_address` or `address_id`."""

    shipping_address = PostalAddressSerializer(required=False)
    address_id = ObjectIdField(required=False)
    shipping_method = LowerCodeField(max_length=40, required=False)
    expected_total = MoneyField(required=False)
    note = serializers.CharField(max_length=500, required=False, allow_blank=True)

    described_as = {"oneOf": [given("shipping_address"), given("address_id")]}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "address_id" in attrs and "shipping_address" in attrs:
            raise serializers.ValidationError(
                {"address_id": "Specify either an address or an address id."}, code="ambiguous"
            )
        address = attrs["address"] = self._address(attrs)
        address.state = normalize_state(address.country, address.state)
        attrs.pop("address_id", None)
        attrs.pop("shipping_address", None)
        return attrs

    def _address(self, attrs: dict[str, Any]) -> PostalAddress:
        if "shipping_address" in attrs:
            return PostalAddress(**attrs["shipping_address"])
        own = Address.objects.owned_by(self.context["request"].user)
        if "address_id" not in attrs:
            raise serializers.ValidationError({"shipping_address": "This field is required."}, code="required")
        address = own.filter(pk=attrs["address_id"]).first()
        if address is None:
            raise Http404
        return PostalAddress(**{name: getattr(address, name) for name in Address.POSTAL_FIELDS})


class CancelSerializer(OptionalNulls):
    reason = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")


class FulfilSerializer(OptionalNulls):
    status = serializers.ChoiceField(choices=list(FULFILMENT_EVENTS))
    carrier = serializers.CharField(max_length=80, required=False, allow_blank=True, default="")
    tracking_number = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")


class OrderQuerySerializer(serializers.Serializer):
    """Query parameters of an order list; `user` is for staff only."""

    user = ObjectIdField(required=False)
    status = serializers.ChoiceField(choices=list(OrderStatus), required=False)
    payment_status = serializers.ChoiceField(choices=list(PaymentStatus), required=False)
    fulfilment_status = serializers.ChoiceField(choices=list(FulfilmentStatus), required=False)


class ShippingMethodSerializer(serializers.ModelSerializer):
    price = MoneyField()

    class Meta:
        model = ShippingMethod
        fields = ["code", "name", "price", "description", "is_pickup"]
