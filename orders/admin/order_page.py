from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch

from accounts.postal import postal_lines
from orders import summary
from orders.admin.labels import FULFILMENT_LABELS, PAYMENT_LABELS, STATUS_LABELS
from orders.models import Order
from orders.statuses import PaymentStatus
from shop.admin.html import badge, list_url, page_url, price, thumbnail

EVENT_ICONS = {
    "placed": "shopping_cart",
    "payment_processing": "hourglass_top",
    "payment_failed": "credit_card_off",
    "paid": "payments",
    "cancelled": "cancel",
    "expired": "timer_off",
    "refunded": "currency_exchange",
    "disputed": "gavel",
    "dispute_won": "gavel",
    "dispute_lost": "gavel",
    "flagged": "flag",
    "flag_settled": "task_alt",
    "shipped": "local_shipping",
    "delivered": "home",
}


def page_context(order: Order, request: HttpRequest) -> dict[str, Any]:
    def amount(value: Any) -> str:
        return price(value, order.currency)

    shipping_method = summary.shipping_method_name(order)
    return {
        "subtitle": order.number,
        "order": order,
        "labels": [
            badge(order.get_status_display(), STATUS_LABELS[order.status]),
            badge(order.get_payment_status_display(), PAYMENT_LABELS[order.payment_status]),
            badge(order.get_fulfilment_status_display(), FULFILMENT_LABELS[order.fulfilment_status]),
            badge("Flagged", "danger") if order.has_open_flag else "",
        ],
        "lines": [{**row, "thumbnail": thumbnail(row["line"].image)} for row in summary.lines(order, show=price)],
        "totals": summary.totals(order, shipping_method, show=price),
        "shipping_method": shipping_method,
        "address": postal_lines(order.shipping_address) if order.shipping_address else [],
        "total": amount(order.total),
        "refunds": [(entry, amount(entry.amount)) for entry in order.refunds],
        "timeline": [(entry, EVENT_ICONS.get(entry.event, "circle")) for entry in reversed(order.timeline)],
        "all_orders_url": list_url("orders.order", user=str(order.user_id)) if order.user_id else "",
        "payment_url": _url_of("change", order.payment),
        "refund_url": _url_of("refund", order.payment)
        if _is_refundable(order) and request.user.has_perm("payments.add_refund")
        else "",
    }


def _is_refundable(order: Order) -> bool:
    """Return whether to show the button; the payment checks again."""
    states = (PaymentStatus.PAID, PaymentStatus.PARTIALLY_REFUNDED)
    return bool(order.payment) and order.payment_status in states and order.refunded < order.total


def _url_of(name: str, pk: Any) -> str:
    """Reverse by name, because orders must not import payments."""
    try:
        return page_url("payments.payment", pk, name) if pk else ""
    except NoReverseMatch:
        return ""
