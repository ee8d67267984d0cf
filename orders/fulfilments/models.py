"""Parcels of an order."""

from typing import Any

from bson import ObjectId
from django.db import models
from django.utils import timezone
from django_mongodb_backend.fields import EmbeddedModelArrayField, ObjectIdField
from django_mongodb_backend.models import EmbeddedModel

from orders.events import Event
from orders.fulfilments.carriers import tracking_url
from orders.statuses import FulfilmentStatus

MAX_PARCELS = 50


class FulfilledLine(EmbeddedModel):
    """``line`` is the variant: an order has one line per variant."""

    line = ObjectIdField()
    quantity = models.PositiveIntegerField()


class Fulfilment(EmbeddedModel):
    """A parcel. ``tracking_url`` is empty unless staff entered one, see ``link``."""

    key = ObjectIdField(default=ObjectId)
    lines = EmbeddedModelArrayField(FulfilledLine)
    carrier = models.CharField(max_length=80, blank=True, default="")
    tracking_number = models.CharField(max_length=120, blank=True, default="")
    tracking_url = models.CharField(max_length=500, blank=True, default="")
    shipped_at = models.DateTimeField(default=timezone.now)
    delivered_at = models.DateTimeField(null=True, blank=True)

    @property
    def link(self) -> str:
        return self.tracking_url or tracking_url(carrier=self.carrier, tracking_number=self.tracking_number)

    @property
    def tracking(self) -> str:
        return " ".join(filter(None, (self.carrier, self.tracking_number)))


def add_missing_parcels(order: Any) -> None:
    """Complete an order that an earlier release shipped or delivered: it wrote the status only."""
    if order.fulfilment_status in (FulfilmentStatus.UNFULFILLED, FulfilmentStatus.PARTIALLY_SHIPPED):
        return
    times = {entry.event: entry.at for entry in order.timeline}
    if not order.fulfilments:
        for line in order.lines:
            line.fulfilled = line.quantity - line.cancelled
        order.fulfilments = [
            Fulfilment(
                # The same at each reading.
                key=order.pk,
                lines=[FulfilledLine(line=line.variant, quantity=line.fulfilled) for line in order.lines],
                carrier=order.carrier,
                tracking_number=order.tracking_number,
                shipped_at=times.get(Event.SHIPPED, order.created_at),
            )
        ]
    if order.fulfilment_status == FulfilmentStatus.DELIVERED:
        for parcel in order.fulfilments:
            parcel.delivered_at = parcel.delivered_at or times.get(Event.DELIVERED, parcel.shipped_at)
