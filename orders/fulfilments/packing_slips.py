"""Packing slips: what is in a parcel, without prices."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bson import ObjectId
from django.utils import timezone
from django.utils.formats import date_format

from accounts.postal import postal_lines
from orders import summary
from orders.fulfilments.models import Fulfilment
from orders.models import Order, OrderLine
from orders.summary import ShippingSummary
from shop import days
from shop.pdf import Document


def packing_slip(order: Order, parcel: Fulfilment | None = None) -> bytes:
    """Return the PDF of a parcel, or of all that is left to ship."""
    document = Document(title=f"Packing slip {order.number}")
    _add(document, order, parcel, summary.shipping_of(order))
    return document.render()


def packing_slips(orders: Sequence[Order]) -> bytes:
    """Return one PDF with what is left to ship of each order."""
    document = Document(title="Packing slips")
    for order, shipping in zip(orders, summary.shipping_of_many(orders), strict=True):
        document.start_section()
        _add(document, order, None, shipping)
    return document.render()


def units_to_pack(order: Order) -> dict[ObjectId, int]:
    """Return by variant what is left to ship, or all units if nothing is left."""
    left = {line.variant: line.unfulfilled for line in order.lines if line.unfulfilled}
    return left or {line.variant: line.fulfilled for line in order.lines if line.fulfilled}


def _add(document: Document, order: Order, parcel: Fulfilment | None, shipping: ShippingSummary) -> None:
    document.heading("Packing slip")
    facts = [("Order", order.number), ("Date", _day(order.created_at))]
    facts += [("Shipping", shipping.name)] if shipping.name else []
    if parcel is not None:
        keys = [each.key for each in order.fulfilments]
        facts.append(("Parcel", f"{keys.index(parcel.key) + 1} of {len(keys)}"))
        facts.append(("Shipped", _day(parcel.shipped_at)))
        facts += [("Tracking", parcel.tracking)] if parcel.tracking else []
    if shipping.pickup:
        document.address_block(shipping.pickup, facts, label="Pick up at")
        document.paragraph(f"For {order.shipping_address.name}" if order.shipping_address else "")
    else:
        document.address_block(
            postal_lines(order.shipping_address) if order.shipping_address else [], facts, label="Ship to"
        )
    packed = units_to_pack(order) if parcel is None else {each.line: each.quantity for each in parcel.lines}
    _add_lines(document, order, packed)
    if order.note:
        document.paragraph("The customer's note", small=True)
        document.paragraph(order.note)


def _add_lines(document: Document, order: Order, packed: Mapping[ObjectId, int]) -> None:
    rows = [
        [
            row["line"].sku,
            [row["line"].name, *filter(None, [row["options"]])],
            _quantity(packed[row["line"].variant], row["line"]),
        ]
        for row in summary.lines(order)
        if row["line"].variant in packed
    ]
    document.table(["SKU", "Item", "Quantity"], rows, widths=[25, 60, 15], align=["left", "left", "right"])
    document.paragraph(f"Units in this parcel: {sum(packed.values())}", small=True)


def _quantity(units: int, line: OrderLine) -> str:
    return str(units) if units == line.quantity else f"{units} of {line.quantity}"


def _day(moment: datetime) -> str:
    return date_format(timezone.localtime(moment, days.zone()), "j F Y")
