"""Events of an order, and notes of staff."""

from bson import ObjectId
from django.db import models
from django.utils import timezone
from django_mongodb_backend.fields import ObjectIdField
from django_mongodb_backend.models import EmbeddedModel

from orders.events import Actor, Event


class TimelineEntry(EmbeddedModel):
    at = models.DateTimeField(default=timezone.now)
    event = models.CharField(max_length=20, choices=Event)
    detail = models.CharField(max_length=500, blank=True)
    actor = models.CharField(max_length=10, choices=Actor)
    # For staff only: the account of the staff member, and why they did it.
    staff = ObjectIdField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True, default="")


class Note(EmbeddedModel):
    """An internal note, never shown to the buyer."""

    key = ObjectIdField(default=ObjectId)
    at = models.DateTimeField(default=timezone.now)
    text = models.CharField(max_length=2000)
    staff = ObjectIdField(null=True, blank=True)
