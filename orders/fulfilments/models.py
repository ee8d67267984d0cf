"""Parcels of an order."""

from bson import ObjectId
from django.db import models
from django.utils import timezone
from django_mongodb_backend.fields import EmbeddedModelArrayField, ObjectIdField
from django_mongodb_backend.models import EmbeddedModel


class FulfilledLine(EmbeddedModel):
    """``line`` is the variant: an order has one line per variant."""

    line = ObjectIdField()
    quantity = models.PositiveIntegerField()


class Fulfilment(EmbeddedModel):
    key = ObjectIdField(default=ObjectId)
    lines = EmbeddedModelArrayField(FulfilledLine)
    carrier = models.CharField(max_length=80, blank=True, default="")
    tracking_number = models.CharField(max_length=120, blank=True, default="")
    tracking_url = models.CharField(max_length=500, blank=True, default="")
    shipped_at = models.DateTimeField(default=timezone.now)
    delivered_at = models.DateTimeField(null=True, blank=True)
