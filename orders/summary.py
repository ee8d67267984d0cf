from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from accounts.postal import postal_lines
from orders.discounts import of_order
from orders.fulfilments.models import Fulfilment
from orders.models import Order, OrderLine, PostalAddress, ShippingMethod
from orders.refund_entries import RefundedLine, RefundEntry
from orders.returns.models import OrderReturn, ReturnedLine
from shop import money

Formatter = Callable[[Decimal, str], str]


def lines(order: Order, *, show: Formatter = money.display) -> list[dict[str, Any]]:
    return [
        {
            "line": line,
            "options": ", ".join(str(value) for value in line.options.values()),
            "unit_price": show(line.unit_price, order.currency),
            "total": show(line.line_total, order.currency),
        }
        for line in order.lines
    ]


def contents(order: Order, parcel: Fulfilment) -> list[tuple[OrderLine, int]]:
    """Return the lines in a parcel with their quantities."""
    lines = {line.variant: line for line in order.lines}
    return [(lines[each.line], each.quantity) for each in parcel.lines]


def totals(order: Order, shipping_method: str, *, show: Formatter = money.display) -> list[tuple[str, str]]:
    """Return pairs of label and amount."""
    rows = [("Subtotal", order.subtotal)]
    rows += [(f"Discount, {each.label}", -each.amount) for each in of_order(order) if each.amount]
    rows.append((f"Shipping, {shipping_method}" if shipping_method else "Shipping", order.shipping))
    included = " (included)" if order.prices_include_tax else ""
    rows += [(f"{line.label} {line.rate.normalize():f}%{included}", line.amount) for line in order.tax_lines]
    if not order.tax_lines:
        rows.append((f"Tax{included}", order.tax))
    return [(name, show(value, order.currency)) for name, value in rows]


@dataclass(frozen=True)
class ShippingSummary:
    """``name`` is the code if the method was deleted; ``pickup`` has no lines unless the order is picked up."""

    name: str
    pickup: list[str]


def shipping_of(order: Order) -> ShippingSummary:
    return shipping_of_many([order])[0]


def shipping_of_many(orders: Sequence[Order]) -> list[ShippingSummary]:
    codes = {order.shipping_method for order in orders} - {""}
    methods = {method.code: method for method in ShippingMethod.objects.filter(code__in=codes)} if codes else {}
    return [_shipping(order, methods.get(order.shipping_method)) for order in orders]


def _shipping(order: Order, method: ShippingMethod | None) -> ShippingSummary:
    pickup = order.pickup_address
    if pickup is None and method is not None and (fields := method.pickup_address):
        # Orders of earlier releases.
        pickup = PostalAddress(**fields)
    return ShippingSummary(method.name if method else order.shipping_method, postal_lines(pickup) if pickup else [])


def refunded_parts(order: Order, refund: RefundEntry) -> str:
    """Return ``2 × Mug, shipping``; empty for a refund of an amount."""
    return ", ".join([*_units_of(order, refund.lines), *(["shipping"] if refund.shipping else [])])


def returned_lines(order: Order, found: OrderReturn) -> str:
    """Return ``2 × Mug, 1 × Shirt``."""
    return ", ".join(_units_of(order, found.lines))


def _units_of(order: Order, lines: Sequence[RefundedLine | ReturnedLine]) -> list[str]:
    names = {line.variant: line.name for line in order.lines}
    missing = {
        each.line: f" ({each.missing} missing)" for each in lines if isinstance(each, ReturnedLine) and each.missing
    }
    return [f"{line.quantity} × {names[line.line]}{missing.get(line.line, '')}" for line in lines]
