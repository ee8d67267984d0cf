"""Refunds of all units, however they are split and whichever fail, add up to exactly what was paid."""

from decimal import Decimal
from typing import Any

from bson import ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st

from orders.models import Order, OrderLine, RefundEntry
from orders.refunds import PricedRefund, Units, price_refund

STEPS = {"usd": Decimal("0.01"), "jpy": Decimal(1), "kwd": Decimal("0.01")}


@st.composite
def orders(draw: st.DrawFn) -> Order:
    currency = draw(st.sampled_from(sorted(STEPS)))
    step, includes_tax = STEPS[currency], draw(st.booleans())
    lines = []
    for _ in range(draw(st.integers(1, 3))):
        price, quantity = draw(st.integers(1, 2_000)) * step, draw(st.integers(1, 7))
        discount = draw(st.integers(0, int(price * quantity / step))) * step
        tax = draw(st.integers(0, int((price * quantity - discount) / step))) * step
        lines.append(
            OrderLine(
                variant=ObjectId(),
                quantity=quantity,
                unit_price=price,
                line_total=price * quantity,
                discount=discount,
                tax=tax,
            )
        )
    shipping = draw(st.integers(0, 900)) * step
    tax = sum(line.tax for line in lines) + draw(st.integers(0, int(shipping / step))) * step
    paid = sum(line.line_total - line.discount for line in lines) + shipping
    return Order(
        lines=lines,
        shipping=shipping,
        tax=tax,
        currency=currency,
        prices_include_tax=includes_tax,
        total=paid if includes_tax else paid + tax,
    )


def refund(order: Order, *units: Units, shipping: bool = False) -> PricedRefund:
    part = price_refund(order, units, shipping=shipping)
    order.refunds.append(
        RefundEntry(
            refund=ObjectId(), amount=part.amount, status="succeeded", lines=list(part.lines), shipping=part.shipping
        )
    )
    return part


@settings(max_examples=150, derandomize=True, database=None, deadline=None)
@given(order=orders(), data=st.data())
def test_all_refunds_add_up_to_the_total(order: Order, data: Any) -> None:
    left = {line.variant: line.quantity for line in order.lines}
    while any(left.values()):
        variant = data.draw(st.sampled_from([pk for pk, units in left.items() if units]))
        quantity = data.draw(st.integers(1, left[variant]))
        part = refund(order, Units(line=variant, quantity=quantity))
        assert part.amount >= 0
        assert part.amount % STEPS[order.currency] == 0
        left[variant] -= quantity
        if data.draw(st.integers(0, 4)) == 0:
            failed = data.draw(st.sampled_from(order.refunds))
            for line in failed.lines if failed.status == "succeeded" else ():
                left[line.line] += line.quantity
            failed.status = "failed"
        for line in order.lines:
            kept = sum(
                each.amount for entry in order.standing_refunds for each in entry.lines if each.line == line.variant
            )
            assert kept <= line.line_total - line.discount + (0 if order.prices_include_tax else line.tax)
    refund(order, shipping=True)
    assert order.refunded == order.total
    assert order.net_total == 0
