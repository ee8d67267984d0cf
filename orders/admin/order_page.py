from collections.abc import Mapping
from typing import Any

from bson import ObjectId
from django.http import HttpRequest

from accounts.postal import postal_lines
from orders import staff, summary
from orders.admin.labels import RETURN_LABELS, order_badges
from orders.admin.mails import mail_rows
from orders.events import Actor
from orders.invoices.models import InvoiceKind
from orders.lifecycle import TRANSITIONS
from orders.models import Note, Order, TimelineEntry
from orders.notes import suggested_tags
from orders.returns.models import OrderReturn
from orders.statuses import FUNDED_STATUSES
from shop import money
from shop.admin.html import badge, list_url, page_url, price, thumbnail


def page_context(order: Order, request: HttpRequest) -> dict[str, Any]:
    def amount(value: Any) -> str:
        return price(value, order.currency)

    names = staff.names_in([order])
    shipping = summary.shipping_of(order)
    # The refund's service checks again.
    is_refundable = order.payment and order.payment_status in FUNDED_STATUSES and order.refunded < order.charged
    return {
        "subtitle": order.number,
        "order": order,
        "labels": [
            *order_badges(order),
            badge("Flagged", "danger") if order.has_open_flag else "",
        ],
        "lines": [{**row, "thumbnail": thumbnail(row["line"].image)} for row in summary.lines(order, show=price)],
        "totals": summary.totals(order, shipping.name, show=price),
        "shipping_method": shipping.name,
        "pickup": shipping.pickup,
        "address": postal_lines(order.shipping_address) if order.shipping_address else [],
        "billing_address": postal_lines(order.billed_to) if order.billed_to else [],
        "total": amount(order.total),
        "balance": [
            (label, amount(value))
            for label, value in (
                ("Still to be paid", order.amount_due),
                ("Waived", max(order.adjustment, money.ZERO)),
            )
            if value
        ],
        "parcels": [(parcel, summary.contents(order, parcel)) for parcel in order.fulfilments],
        "net_total": amount(order.net_total) if order.refunded else "",
        "refunds": [(entry, amount(entry.amount), summary.refunded_parts(order, entry)) for entry in order.refunds],
        "returns": [
            (each, badge(each.get_status_display(), RETURN_LABELS[each.status]), _returned(order, each))
            for each in reversed(order.returns)
        ],
        "disputes": [
            (entry, "" if entry.amount is None else price(entry.amount, entry.currency)) for entry in order.disputes
        ],
        "timeline": [
            {"entry": entry, "icon": TRANSITIONS[entry.event].icon, "actor": _actor(entry, names)}
            for entry in reversed(order.timeline)
        ],
        "notes": [
            {"note": note, "author": _author(note, names), "is_own": note.staff == request.user.pk}
            for note in reversed(order.notes)
        ],
        "tags": ", ".join(order.tags),
        "tag_suggestions": suggested_tags(),
        "mails": mail_rows(order),
        "may_change": request.user.has_perm("orders.change_order"),
        "documents": [
            (
                InvoiceKind(each.kind).label,
                each.number,
                page_url("orders.invoice", each.invoice),
                page_url("orders.invoice", each.invoice, "download"),
            )
            for each in ([order.invoice] if order.invoice else []) + order.credit_notes
        ],
        "all_orders_url": list_url(
            "orders.order", **({"user": str(order.user_id)} if order.user_id else {"q": order.email})
        ),
        "payment_url": page_url("payments.payment", order.payment) if order.payment else "",
        "refund_url": page_url("payments.payment", order.payment, "refund")
        if is_refundable and request.user.has_perm("payments.add_refund")
        else "",
    }


def _actor(entry: TimelineEntry, names: Mapping[ObjectId, str]) -> str:
    if entry.staff is not None:
        return _author(entry, names)
    return "Stripe" if entry.actor == Actor.STRIPE else str(entry.actor)


def _author(entry: TimelineEntry | Note, names: Mapping[ObjectId, str]) -> str:
    return names.get(entry.staff, "a deleted account") if entry.staff else "staff"


def _returned(order: Order, found: OrderReturn) -> list[tuple[str, str]]:
    """Return pairs of units and the customer's reason."""
    names = {line.variant: line.name for line in order.lines}
    return [(f"{line.quantity} × {names[line.line]}", line.reason) for line in found.lines]
