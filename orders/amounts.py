"""Amounts paid for the parts of an order, and what was refunded of them."""

from collections import Counter
from decimal import Decimal

from bson import ObjectId

from orders.models import Order, OrderLine
from shop import money


def paid_for(order: Order, line: OrderLine) -> Decimal:
    """Return the line's part of the total, with its tax."""
    return line.line_total - line.discount + (money.ZERO if order.prices_include_tax else line.tax)


def paid_for_shipping(order: Order) -> Decimal:
    """Return the shipping's part of the total, with its tax."""
    tax = order.tax - sum((line.tax for line in order.lines), money.ZERO)
    return order.shipping + (money.ZERO if order.prices_include_tax else tax)


def refunded_units(order: Order) -> Counter[ObjectId]:
    """Return by variant the units of refunds by line."""
    units: Counter[ObjectId] = Counter()
    for entry in order.standing_refunds:
        for line in entry.lines:
            units[line.line] += line.quantity
    return units


def refunded_for(order: Order, variant: ObjectId) -> Decimal:
    lines = (line for entry in order.standing_refunds for line in entry.lines)
    return sum((line.amount for line in lines if line.line == variant), money.ZERO)


def refunded_for_shipping(order: Order) -> Decimal:
    return sum((entry.shipping for entry in order.standing_refunds), money.ZERO)


def billed_total(order: Order) -> Decimal:
    """Return what a paid order's invoice is over: what was received, without refunds of differences."""
    differences = (entry.amount for entry in order.standing_refunds if entry.is_difference)
    return order.charged - sum(differences, money.ZERO)


def amount_of_next(order: Order, line: OrderLine, quantity: int) -> Decimal:
    """Return what to refund for more units: the price of all units up to these, minus what was refunded.

    Refunds of all units of a line, however they are split, add up to exactly what was paid for it.
    """
    paid, refunded = paid_for(order, line), refunded_for(order, line.variant)
    units = refunded_units(order)[line.variant] + quantity
    if units == line.quantity:
        return paid - refunded
    step = money.smallest_step(order.currency)
    steps = (2 * int(paid / step) * units + line.quantity) // (2 * line.quantity)
    # Less than was refunded, if the refund of an earlier unit failed.
    return max(money.quantize(steps * step, order.currency) - refunded, money.ZERO)
