from rest_framework import serializers

from accounts.serializers import EmailAddressField
from orders.statuses import FulfilmentStatus, OrderStatus, PaymentStatus
from orders.tags import LONGEST_TAG
from shop.api.fields import CodeField, LowerCodeField
from shop.api.object_ids import ObjectIdField
from shop.api.query import ChangesQuerySerializer


class OrderQuerySerializer(ChangesQuerySerializer):
    """Query parameters of an order list. Those other than statuses are for staff."""

    user = ObjectIdField(required=False)
    status = serializers.ChoiceField(choices=list(OrderStatus), required=False)
    payment_status = serializers.ChoiceField(choices=list(PaymentStatus), required=False)
    fulfilment_status = serializers.ChoiceField(choices=list(FulfilmentStatus), required=False)
    email = EmailAddressField(required=False, help_text="The address that orders were placed with.")
    sku = CodeField(max_length=64, required=False, help_text="Orders with a line of this SKU.")
    tag = LowerCodeField(max_length=LONGEST_TAG, required=False)
    returns = serializers.ChoiceField(
        choices=["open"],
        required=False,
        help_text="Orders with a return that staff have to answer, receive or refund.",
    )
