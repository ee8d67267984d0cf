from collections.abc import Iterator

from orders.amounts import paid_for, paid_for_shipping, refunded_for, refunded_for_shipping, refunded_units
from orders.models import Order
from orders.returns.models import MAX_RETURNS, ReturnStatus, awaited_units
from shop.audit import Window, invariant_over


@invariant_over(Order, "units of a line are shipped, cancelled, returned and refunded at most once")
def units_of_lines_add_up(orders: Window[Order]) -> Iterator[str]:
    for order in orders:
        refunded = refunded_units(order)
        if order.all_units_cancelled != all(line.cancelled == line.quantity for line in order.lines):
            yield f"{order.number} has all_units_cancelled {order.all_units_cancelled}, but its lines differ"
        for line in order.lines:
            gone = line.cancelled + line.returned
            if line.unfulfilled < 0 or line.returned > line.fulfilled or line.restocked > gone:
                yield (
                    f"{order.number} has {line.quantity} {line.sku}, of them {line.fulfilled} shipped, "
                    f"{line.cancelled} cancelled, {line.returned} returned and {line.restocked} restocked"
                )
            if refunded[line.variant] > line.quantity:
                yield f"{order.number} has {line.quantity} {line.sku}, but {refunded[line.variant]} refunded"


@invariant_over(Order, "refunds by line add up to their lines and shipping, and never exceed what was paid for these")
def refunds_follow_from_lines(orders: Window[Order]) -> Iterator[str]:
    for order in orders:
        for entry in order.refunds:
            parts = sum((line.amount for line in entry.lines), entry.shipping)
            if (entry.lines or entry.shipping) and parts != entry.amount:
                yield f"{order.number} has a refund of {entry.amount}, but its lines and shipping add up to {parts}"
        # Returns then refund what is left.
        by_amount = any(not entry.lines and not entry.shipping for entry in order.refunds)
        is_reduced = by_amount or order.charged != order.total
        for line in order.lines:
            paid, refunded = paid_for(order, line), refunded_for(order, line.variant)
            is_whole = refunded_units(order)[line.variant] == line.quantity
            if refunded > paid or (is_whole and refunded != paid and not is_reduced):
                yield f"{order.number} has {refunded} of {paid} refunded for {line.sku}"
        if refunded_for_shipping(order) > paid_for_shipping(order):
            yield f"{order.number} has more shipping refunded than was paid"


@invariant_over(Order, "returns have at most what was shipped, and their status follows from their refund")
def returns_follow_from_units_and_refunds(orders: Window[Order]) -> Iterator[str]:
    for order in orders:
        awaited = awaited_units(order.returns)
        for line in order.lines:
            if line.returned + awaited[line.variant] > line.fulfilled:
                yield f"{order.number} has more {line.sku} returned, or to be returned, than shipped"
        if len(order.returns) > MAX_RETURNS:
            yield f"{order.number} has {len(order.returns)} returns"
        refunds = {entry.refund: entry.status for entry in order.refunds}
        for each in order.returns:
            status = refunds.get(each.refund) if each.refund else None
            is_refunded = status == "succeeded" or (each.refund is None and not each.refund_due)
            if each.status == ReturnStatus.REFUNDED and not is_refunded:
                yield f"{order.number} has a refunded return, but its refund is {status}"
            if each.status == ReturnStatus.RECEIVED and status == "succeeded":
                yield f"{order.number} has a return that is received, but it was refunded"
            if any(line.missing > (0 if each.is_awaited else line.shipped) for line in each.lines):
                yield f"{order.number} has a return of which more is missing than was expected"
            if each.is_awaited and (each.refund or each.received_at):
                yield f"{order.number} has a return that is {each.status}, but it was received"
        if order.has_open_return != any(each.is_open for each in order.returns):
            yield f"{order.number} has_open_return {order.has_open_return}, but its returns differ"
