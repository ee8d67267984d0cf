"""Returns and withdrawals of an order."""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from bson import ObjectId
from django.db import models
from django.utils import timezone
from django_mongodb_backend.fields import EmbeddedModelArrayField, ObjectIdField
from django_mongodb_backend.models import EmbeddedModel

from shop.db.money_fields import money_field

MAX_RETURNS = 20


class ReturnStatus(models.TextChoices):
    REQUESTED = "requested", "Requested"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"
    RECEIVED = "received", "Received"
    REFUNDED = "refunded", "Refunded"


AWAITED = (ReturnStatus.REQUESTED, ReturnStatus.APPROVED)


class ReturnedLine(EmbeddedModel):
    """``line`` is the variant. ``restocked`` is null until the units are received."""

    line = ObjectIdField()
    quantity = models.PositiveIntegerField()
    # Units of a withdrawal that were not shipped: they are cancelled and restocked with the request.
    unshipped = models.PositiveIntegerField(default=0)
    reason = models.CharField(max_length=300, blank=True, default="")
    restocked = models.BooleanField(null=True, blank=True)
    # Shipped units that had not arrived when the return was received.
    missing = models.PositiveIntegerField(default=0)

    @property
    def shipped(self) -> int:
        return self.quantity - self.unshipped

    @property
    def returned(self) -> int:
        """Return the shipped units that have come back, or are to come."""
        return self.shipped - self.missing


class OrderReturn(EmbeddedModel):
    key = ObjectIdField(default=ObjectId)
    status = models.CharField(max_length=10, choices=ReturnStatus, default=ReturnStatus.REQUESTED)
    # A withdrawal from the contract, for which the buyer needs no reason.
    withdrawal = models.BooleanField(default=False)
    lines = EmbeddedModelArrayField(ReturnedLine)
    # Calculated at the request, and again when the units are received.
    expected_refund = money_field(default=Decimal(0))
    # The withdrawal is from the whole order.
    refunds_shipping = models.BooleanField(default=False)
    # Staff's answer, shown to the buyer.
    answer = models.CharField(max_length=300, blank=True, default="")
    # The latest refund; null until one was made, and if there was nothing to refund.
    refund = ObjectIdField(null=True, blank=True)
    # Received, and to be refunded: the refund is pending or has failed.
    refund_due = models.BooleanField(default=False)
    refund_failed = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    received_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField(default=timezone.now)

    # Set for replies: an `orders.models.RefundEntry`.
    refund_entry: Any

    @property
    def is_open(self) -> bool:
        """Return whether staff have something to do, or a refund is pending."""
        return self.is_awaited or (self.status == ReturnStatus.RECEIVED and self.refund_due)

    @property
    def is_awaited(self) -> bool:
        return self.status in AWAITED

    @property
    def has_goods(self) -> bool:
        return any(line.shipped for line in self.lines)

    @property
    def can_be_refunded(self) -> bool:
        """Return whether it was received, without a refund or with one that failed."""
        return self.status == ReturnStatus.RECEIVED and (not self.refund_due or self.refund_failed)


def awaited_units(returns: Iterable[OrderReturn]) -> Counter[ObjectId]:
    """Return by variant the shipped units of returns that are not received yet."""
    units: Counter[ObjectId] = Counter()
    for each in returns:
        if each.is_awaited:
            for line in each.lines:
                units[line.line] += line.shipped
    return units
