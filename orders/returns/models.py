"""Returns and withdrawals of an order."""

from bson import ObjectId
from django.db import models
from django.utils import timezone
from django_mongodb_backend.fields import EmbeddedModelArrayField, ObjectIdField
from django_mongodb_backend.models import EmbeddedModel


class ReturnStatus(models.TextChoices):
    REQUESTED = "requested", "Requested"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"
    RECEIVED = "received", "Received"
    REFUNDED = "refunded", "Refunded"


OPEN_RETURN_STATUSES = (ReturnStatus.REQUESTED, ReturnStatus.APPROVED, ReturnStatus.RECEIVED)


class ReturnedLine(EmbeddedModel):
    """``line`` is the variant. ``restocked`` is null until the units are received."""

    line = ObjectIdField()
    quantity = models.PositiveIntegerField()
    reason = models.CharField(max_length=300, blank=True, default="")
    restocked = models.BooleanField(null=True, blank=True)


class OrderReturn(EmbeddedModel):
    key = ObjectIdField(default=ObjectId)
    status = models.CharField(max_length=10, choices=ReturnStatus, default=ReturnStatus.REQUESTED)
    # A withdrawal from the contract, for which the buyer needs no reason.
    withdrawal = models.BooleanField(default=False)
    lines = EmbeddedModelArrayField(ReturnedLine)
    # Staff's answer, shown to the buyer.
    answer = models.CharField(max_length=300, blank=True, default="")
    # Null until refunded; a return may take several attempts.
    refund = ObjectIdField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now)
