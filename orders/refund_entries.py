"""Copies of refunds and disputes in their order, written by `payments`."""

from decimal import Decimal

from django.db import models
from django.utils import timezone
from django_mongodb_backend.fields import EmbeddedModelArrayField, ObjectIdField
from django_mongodb_backend.models import EmbeddedModel

from shop.db.money_fields import money_field


class RefundedLine(EmbeddedModel):
    """``line`` is the variant; ``amount`` includes tax."""

    line = ObjectIdField()
    quantity = models.PositiveIntegerField()
    amount = money_field()
    restock = models.BooleanField(default=False)


class RefundEntry(EmbeddedModel):
    """A copy of a refund, written by `payments`."""

    refund = ObjectIdField()
    amount = money_field()
    status = models.CharField(max_length=20)
    created_at = models.DateTimeField(default=timezone.now)
    # Empty for a refund of an amount.
    lines = EmbeddedModelArrayField(RefundedLine, default=list, blank=True)
    # Part of `amount`, with its tax.
    shipping = money_field(default=Decimal(0))
    # More was paid than a correction left to pay: no sale is taken back.
    is_difference = models.BooleanField(default=False)
    # For staff only, as in the timeline.
    staff = ObjectIdField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True, default="")


class DisputeEntry(EmbeddedModel):
    """For staff only."""

    dispute = models.CharField(max_length=255)
    status = models.CharField(max_length=40)
    # A status with a lower rank is outdated.
    rank = models.PositiveSmallIntegerField()
    reason = models.CharField(max_length=100, blank=True)
    # Null if it is not known.
    amount = money_field(null=True)
    currency = models.CharField(max_length=3, blank=True)
    # Until when evidence is accepted.
    due_by = models.DateTimeField(null=True)
    url = models.CharField(max_length=300, blank=True)
    is_open = models.BooleanField(default=True)
    # Null unless it is lost; disputes of earlier releases have none.
    lost_at = models.DateTimeField(null=True, blank=True)
    # Stripe's, in the currency of its account; null if it is not known.
    fee = money_field(null=True, blank=True)
    fee_currency = models.CharField(max_length=3, blank=True, default="")

    @property
    def shown_reason(self) -> str:
        return self.reason.replace("_", " ").capitalize() or "Unknown reason"

    @property
    def shown_status(self) -> str:
        return self.status.replace("_", " ")
