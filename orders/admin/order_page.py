"""What an order's page shows."""

from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django_countries import countries

from orders.admin.labels import FULFILMENT_LABELS, PAYMENT_LABELS, STATUS_LABELS
from orders.models import Order, PaymentStatus, ShippingMethod
from shop import money
from shop.admin.html import badge, thumbnail

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
    """Return what the template shows of an order."""

    def amount(value: Any) -> str:
        return money.display(value, order.currency)

    shipping_method = _shipping_method(order)
    return {
        "subtitle": order.number,
        "order": order,
        "labels": [
            badge(order.get_status_display(), STATUS_LABELS[order.status]),
            badge(order.get_payment_status_display(), PAYMENT_LABELS[order.payment_status]),
            badge(order.get_fulfilment_status_display(), FULFILMENT_LABELS.get(order.fulfilment_status, "")),
            badge("Flagged", "danger") if order.has_open_flag else "",
        ],
        "lines": [
            {
                "line": line,
                "thumbnail": thumbnail(line.image),
                "options": ", ".join(str(value) for value in line.options.values()),
                "unit_price": amount(line.unit_price),
                "total": amount(line.line_total),
            }
            for line in order.lines
        ],
        "totals": _totals(order, shipping_method),
        "shipping_method": shipping_method,
        "country": _country(order),
        "total": amount(order.total),
        "currency": order.currency.upper(),
        "refunds": [(entry, amount(entry.amount)) for entry in order.refunds],
        "timeline": [(entry, EVENT_ICONS.get(entry.event, "circle")) for entry in reversed(order.timeline)],
        "payment_url": _url_of("payments_payment_change", order.payment),
        "refund_url": _url_of("payments_payment_refund", order.payment)
        if _is_refundable(order) and request.user.has_perm("payments.add_refund")
        else "",
    }


def _is_refundable(order: Order) -> bool:
    """Whether money came in that has not gone back yet; the payment decides."""
    states = (PaymentStatus.PAID, PaymentStatus.PARTIALLY_REFUNDED)
    return bool(order.payment) and order.payment_status in states and order.refunded < order.total


def _shipping_method(order: Order) -> str:
    """Return the name of the order's shipping method; its code, where that method is gone."""
    method = ShippingMethod.objects.filter(code=order.shipping_method).first() if order.shipping_method else None
    return method.name if method else order.shipping_method


def _country(order: Order) -> str:
    code = order.shipping_address.country if order.shipping_address else ""
    return countries.name(code) or code


def _totals(order: Order, shipping_method: str) -> list[tuple[str, str]]:
    rows = [("Subtotal", order.subtotal)]
    if order.discount:
        rows.append((f"Discount, {order.coupon}" if order.coupon else "Discount", -order.discount))
    rows.append((f"Shipping, {shipping_method}" if shipping_method else "Shipping", order.shipping))
    rows.append(("Tax (included)" if order.prices_include_tax else "Tax", order.tax))
    return [(name, money.display(value, order.currency)) for name, value in rows]


def _url_of(name: str, pk: Any) -> str:
    """Return an address of the payments' admin, which this room knows only by name."""
    try:
        return reverse(f"admin:{name}", args=[pk]) if pk else ""
    except NoReverseMatch:
        return ""
