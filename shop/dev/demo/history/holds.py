"""Unpaid orders whose holds are over."""

from datetime import timedelta
from decimal import Decimal

from bson import ObjectId
from django.conf import settings
from django.db.models import F
from django.utils import timezone

from accounts.models import User
from catalog.models import Product, StockMovement, Variant
from orders import search_words
from orders.events import Actor, Event
from orders.models import Order, OrderLine, PostalAddress, TimelineEntry, new_order_number
from shop.db import documents
from shop.dev.demo.bulk import BulkWriter, template

_VARIANTS, _CUSTOMERS = 500, 50


def make_due_holds(count: int) -> None:
    """Write ``count`` orders of one unit each, and the stock that they hold."""
    now = timezone.now()
    users = list(User.objects.filter(is_staff=False).order_by("-pk").values_list("pk", flat=True)[:_CUSTOMERS])
    variants = list(Variant.objects.active().order_by("-pk")[:_VARIANTS])
    names = dict(Product.objects.filter(pk__in=[row.product_id for row in variants]).values_list("pk", "name"))
    templates = [template(_order_of(variant, names[variant.product_id])) for variant in variants]
    movement = template(StockMovement(delta=-1, reason=StockMovement.Reason.ORDER, created_at=now))
    with BulkWriter() as writer:
        for place, variant in enumerate(variants):
            units = len(range(place, count, len(variants)))
            # The units that are reserved below arrive first.
            received = {"delta": units, "reason": StockMovement.Reason.ADJUSTMENT.value, "note": "Received."}
            writer.add(StockMovement, {**movement, "_id": ObjectId(), "variant_id": variant.pk, **received})
            Variant.objects.filter(pk=variant.pk).update(adjustments=F("adjustments") + 1)
        for number in range(count):
            variant, number_of_order = variants[number % len(variants)], new_order_number()
            order = {"_id": ObjectId(), "number": number_of_order, "cart": ObjectId()}
            order["user_id"] = users[number % len(users)] if users else None
            order = templates[number % len(variants)] | order
            order["search_words"] = search_words.of(documents.view(Order, order))
            writer.add(Order, order)
            moved = {"_id": ObjectId(), "variant_id": variant.pk, "reference": number_of_order}
            writer.add(StockMovement, movement | moved)


def _order_of(variant: Variant, name: str) -> Order:
    now = timezone.now()
    line = OrderLine(
        product=variant.product_id,
        variant=variant.pk,
        sku=variant.sku,
        name=name,
        quantity=1,
        unit_price=variant.price,
        line_total=variant.price,
    )
    address = PostalAddress(name="Ada Ben", line1="1 Market Street", city="Berlin", postal_code="10115", country="DE")
    return Order(
        lines=[line],
        subtotal=variant.price,
        discount=Decimal(0),
        shipping=Decimal(0),
        tax=Decimal(0),
        total=variant.price,
        currency=settings.CURRENCY,
        prices_include_tax=settings.PRICES_INCLUDE_TAX,
        shipping_address=address,
        timeline=[TimelineEntry(at=now, event=Event.PLACED, actor=Actor.CUSTOMER)],
        cart=ObjectId(),
        cart_revision=0,
        expires_at=now - timedelta(seconds=1),
        created_at=now,
    )
