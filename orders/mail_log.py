"""The latest mails to the customer, kept in the order."""

from bson import ObjectId
from django.db import models
from django.utils import timezone
from django_mongodb_backend.fields import ObjectIdField
from django_mongodb_backend.models import EmbeddedModel

MAILS_KEPT = 30


class MailStatus(models.TextChoices):
    QUEUED = "queued", "Queued"
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"
    SUPPRESSED = "suppressed", "Suppressed"
    OUTDATED = "outdated", "Not needed"


class OrderMail(EmbeddedModel):
    """``key`` is the id in its job and its Message-ID. Without address and text, which may be personal data."""

    key = ObjectIdField(default=ObjectId)
    event = models.CharField(max_length=20)
    refund = ObjectIdField(null=True, blank=True)
    parcel = ObjectIdField(null=True, blank=True)
    returned = ObjectIdField(null=True, blank=True)
    status = models.CharField(max_length=10, choices=MailStatus, default=MailStatus.QUEUED)
    # When it was queued, or got its status.
    at = models.DateTimeField(default=timezone.now)

    def is_like(self, other: "OrderMail") -> bool:
        names = ("event", "refund", "parcel", "returned")
        return all(getattr(self, name) == getattr(other, name) for name in names)
