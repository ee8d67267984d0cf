from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.models import Address
from accounts.serializers import AddressSerializer, EmailAddressField
from accounts.subdivisions import normalize_state
from orders.amounts import refunded_units
from orders.discounts import LineDiscountSerializer, OrderDiscountSerializer, of_order
from orders.events import Actor, Event
from orders.fulfilments.serializers import FulfilmentSerializer
from orders.invoices.serializers import CreditNoteEntrySerializer, InvoiceEntrySerializer
from orders.lifecycle import TRANSITIONS
from orders.models import Order, OrderLine, PostalAddress, TimelineEntry
from orders.pricing import Quote
from orders.returns.serializers import ReturnSerializer
from orders.returns.windows import returnable_units
from orders.shipping.serializers import OfferedMethodSerializer, PickupAddressSerializer
from orders.staff_serializers import NoteSerializer, StaffField, StaffOnlyFieldsMixin
from orders.taxes.serializers import TaxLineSerializer, TaxRateField
from shop.api.fields import UpperCodeField
from shop.api.object_ids import ObjectIdField
from shop.api.optional_nulls import OptionalNulls
from shop.api.serializing import represent
from shop.db.money_fields import MoneyField
from shop.media.fields import ImageURLField


class OrderNumberField(UpperCodeField, serializers.RegexField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(regex=r"^[0-9A-Za-z]{5}-[0-9A-Za-z]{5}$", **kwargs)


class PostalAddressSerializer(AddressSerializer):
    class Meta(AddressSerializer.Meta):
        fields = list(Address.POSTAL_FIELDS)


def postal_address(fields: Mapping[str, Any]) -> PostalAddress:
    return PostalAddress(**{**fields, "state": normalize_state(fields["country"], fields.get("state", ""))})


class OrderLineSerializer(serializers.Serializer):
    id = ObjectIdField(source="variant", help_text="An order has one line per variant.")
    product = ObjectIdField()
    variant = ObjectIdField()
    sku = serializers.CharField()
    name = serializers.CharField()
    options = serializers.DictField(child=serializers.CharField())
    image = ImageURLField(size="thumbnail")
    quantity = serializers.IntegerField()
    backordered = serializers.IntegerField(help_text="Units of these that were not in stock when it was ordered.")
    expected_on = serializers.DateField(allow_null=True, help_text="When units on back-order were expected.")
    unit_price = MoneyField()
    line_total = MoneyField()
    discount = MoneyField(help_text="The line's share of the discounts.")
    discounts = LineDiscountSerializer(many=True, help_text="By promotion; empty in orders of earlier releases.")
    tax = MoneyField(help_text="On the line after discounts; part of it if prices include tax.")
    tax_rate = TaxRateField(allow_null=True)


class OrderedLinesSerializer(serializers.ListSerializer):
    def get_attribute(self, instance: Order) -> list[OrderLine]:
        refunded = refunded_units(instance)
        is_returnable = instance.allows(Event.RETURN_REQUESTED)
        returnable = returnable_units(instance, withdrawal=False) if is_returnable else {}
        withdrawable = returnable_units(instance, withdrawal=True) if is_returnable else {}
        for line in instance.lines:
            line.refunded = refunded[line.variant]
            line.returnable = returnable[line.variant].now if is_returnable else 0
            line.withdrawable = withdrawable[line.variant].now if is_returnable else 0
        return instance.lines


class OrderedLineSerializer(OrderLineSerializer):
    fulfilled = serializers.IntegerField(help_text="Units in parcels.")
    cancelled = serializers.IntegerField(help_text="Units that will not be shipped.")
    returned = serializers.IntegerField(help_text="Units that came back.")
    refunded = serializers.IntegerField(help_text="Units of refunds by line that have not failed.")
    returnable = serializers.IntegerField(help_text="Units that a return can be requested for now.")
    withdrawable = serializers.IntegerField(help_text="Units that a withdrawal can be requested for now.")

    class Meta:
        list_serializer_class = OrderedLinesSerializer


class RefundedLineSerializer(serializers.Serializer):
    line = ObjectIdField(help_text="The line's `id`.")
    quantity = serializers.IntegerField()
    amount = MoneyField(help_text="With tax.")
    restock = serializers.BooleanField(help_text="Whether the units were put back into stock.")


class RefundEntrySerializer(serializers.Serializer):
    id = ObjectIdField(source="refund")
    amount = MoneyField()
    status = serializers.CharField()
    created_at = serializers.DateTimeField()
    lines = RefundedLineSerializer(many=True, help_text="Empty for a refund of an amount.")
    shipping = MoneyField(help_text="Part of `amount`, with its tax.")


class TimelineSerializer(serializers.ListSerializer):
    """Shows flags and dispute ids only with ``internal`` in the context."""

    def get_attribute(self, instance: Order) -> list[TimelineEntry]:
        if self.context.get("internal"):
            return instance.timeline
        return [
            TimelineEntry(at=entry.at, event=entry.event, actor=entry.actor, detail="")
            if TRANSITIONS[entry.event].has_internal_detail
            else entry
            for entry in instance.timeline
            if not TRANSITIONS[entry.event].is_internal
        ]


class TimelineEntrySerializer(StaffOnlyFieldsMixin, serializers.Serializer):
    at = serializers.DateTimeField()
    event = serializers.ChoiceField(choices=list(Event))
    detail = serializers.CharField()
    actor = serializers.ChoiceField(choices=list(Actor))
    staff = StaffField(required=False, help_text="Who acted. Shown to staff only.")
    reason = serializers.CharField(required=False, help_text="Reason of a refund. Shown to staff only.")

    staff_only = ("staff", "reason")

    class Meta:
        list_serializer_class = TimelineSerializer


class TotalsSerializer(serializers.Serializer):
    # No docstring: the descriptions of orders would inherit it.
    lines = OrderLineSerializer(many=True)
    item_count = serializers.SerializerMethodField()
    subtotal = MoneyField()
    discount = MoneyField()
    discounts = serializers.SerializerMethodField()
    shipping = MoneyField()
    tax = MoneyField()
    tax_lines = TaxLineSerializer(many=True, help_text="By rate; they add up to `tax`.")
    total = MoneyField()

    @extend_schema_field(OrderDiscountSerializer(many=True))
    def get_discounts(self, priced: Order | Quote) -> list[dict[str, Any]]:
        shown = priced.discounts if isinstance(priced, Quote) else of_order(priced)
        return [represent(OrderDiscountSerializer, each, context=self.context) for each in shown]

    def get_item_count(self, priced: Order | Quote) -> int:
        return sum(line.quantity for line in priced.lines)


class OrderSerializer(StaffOnlyFieldsMixin, TotalsSerializer, serializers.ModelSerializer):
    email = serializers.CharField(
        help_text="Address of the account when the order was placed, or as stated by the guest; empty once the account "
        "is deleted."
    )
    lines = OrderedLineSerializer(many=True)
    amount_due = MoneyField(help_text="Still to be paid of a paid order that was corrected.")
    coupon = serializers.SerializerMethodField()
    shipping_method = serializers.SerializerMethodField()
    shipping_address = PostalAddressSerializer(
        allow_null=True, help_text="Null if a pick-up was ordered without it, and in some orders of deleted accounts."
    )
    pickup_address = PickupAddressSerializer(
        allow_null=True, help_text="Where a pick-up is, as of the order; else null."
    )
    billing_address = PostalAddressSerializer(source="billed_to", allow_null=True)
    cancellable = serializers.SerializerMethodField()
    fulfilments = FulfilmentSerializer(many=True)
    net_total = MoneyField(help_text="The total minus the refunds that have not failed.")
    payment = ObjectIdField(allow_null=True)
    refunds = RefundEntrySerializer(many=True)
    returns = ReturnSerializer(many=True)
    invoice = InvoiceEntrySerializer(allow_null=True, help_text="Issued moments after the payment.")
    credit_notes = CreditNoteEntrySerializer(many=True)
    timeline = TimelineEntrySerializer(many=True)
    updated_at = serializers.DateTimeField(required=False, help_text="Shown to staff only.")
    tags = serializers.ListField(child=serializers.CharField(), required=False, help_text="Shown to staff only.")
    notes = NoteSerializer(many=True, required=False, help_text="Internal. Shown to staff only.")

    staff_only = ("updated_at", "tags", "notes")

    class Meta:
        model = Order
        fields = [
            "number",
            "email",
            "status",
            "payment_status",
            "fulfilment_status",
            "cancellable",
            "lines",
            "item_count",
            "subtotal",
            "discount",
            "discounts",
            "shipping",
            "tax",
            "tax_lines",
            "total",
            "net_total",
            "amount_due",
            "currency",
            "coupon",
            "shipping_method",
            "shipping_address",
            "pickup_address",
            "billing_address",
            "note",
            "carrier",
            "tracking_number",
            "fulfilments",
            "payment",
            "refunds",
            "returns",
            "invoice",
            "credit_notes",
            "expires_at",
            "created_at",
            "updated_at",
            "timeline",
            "tags",
            "notes",
        ]
        read_only_fields = fields

    def get_cancellable(self, order: Order) -> bool:
        return order.allows(Event.CANCELLED)

    def get_coupon(self, order: Order) -> str | None:
        return order.coupon or None

    def get_shipping_method(self, order: Order) -> str | None:
        return order.shipping_method or None


class PlacedOrderSerializer(OrderSerializer):
    token = serializers.CharField(
        required=False, help_text="For guests, to be sent as `X-Order-Token`. Only this reply and mails show it."
    )

    class Meta(OrderSerializer.Meta):
        fields = [*OrderSerializer.Meta.fields, "token"]
        read_only_fields = fields

    sometimes_absent = ("token",)


class QuoteSerializer(TotalsSerializer):
    """The price of an order, in the order's shape."""

    shipping_methods = OfferedMethodSerializer(
        many=True, help_text="Those that serve this address and cart, the default first; without address, pick-ups."
    )

    currency = serializers.CharField()
    coupon = serializers.CharField(source="priced.coupon.code", allow_null=True)
    shipping_method = serializers.CharField(source="shipping_method.code", allow_null=True)
    prices_include_tax = serializers.BooleanField(help_text="Whether `tax` is part of the other amounts.")


class OrderLookupSerializer(serializers.Serializer):
    number = UpperCodeField(max_length=16, help_text="The order's number.")
    email = EmailAddressField(help_text="The address that the order was placed with.")


class CancelSerializer(OptionalNulls):
    reason = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")
