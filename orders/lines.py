from decimal import Decimal

from django.db import models
from django_mongodb_backend.fields import EmbeddedModelArrayField, ObjectIdField
from django_mongodb_backend.models import EmbeddedModel

from orders.discounts import LineDiscount
from orders.taxes.models import percentage_field
from shop.db.money_fields import money_field


class OrderLine(EmbeddedModel):
    """``image`` is a name in the default storage."""

    product = ObjectIdField()
    variant = ObjectIdField()
    sku = models.CharField(max_length=64)
    name = models.CharField(max_length=200)
    options = models.JSONField(default=dict)
    image = models.CharField(max_length=255, blank=True)
    quantity = models.PositiveIntegerField()
    # Units that were not in stock when the order was placed, and when they were expected.
    backordered = models.PositiveIntegerField(default=0)
    expected_on = models.DateField(null=True)
    unit_price = money_field()
    line_total = money_field()
    # The sum of `discounts`, which orders of earlier releases lack.
    discount = money_field(default=Decimal(0))
    discounts = EmbeddedModelArrayField(LineDiscount, default=list, blank=True)
    tax = money_field(default=Decimal(0))
    # In per cent; null in orders of earlier releases.
    tax_rate = percentage_field(null=True)
    # Units in parcels, units that came back, and units that will not be shipped.
    fulfilled = models.PositiveIntegerField(default=0)
    returned = models.PositiveIntegerField(default=0)
    cancelled = models.PositiveIntegerField(default=0)
    # Of units that came back or will not be shipped, those back in stock.
    restocked = models.PositiveIntegerField(default=0)

    # Set for replies.
    refunded: int
    returnable: int
    withdrawable: int

    @property
    def unfulfilled(self) -> int:
        return self.quantity - self.cancelled - self.fulfilled

    @property
    def sold(self) -> int:
        return self.quantity - self.cancelled - self.returned
