"""Refunds by line: units are cancelled if they are not shipped, and restocked on request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from bson import ObjectId

from catalog import services as catalog
from catalog import stock
from catalog.models import StockMovement
from orders.amounts import amount_of_next, paid_for_shipping, refunded_for_shipping, refunded_units
from orders.errors import RefundOfCancelledOrder, UnitsInReturn, UnitsNotRefundable, UnknownLine
from orders.fulfilments.statuses import fulfilment_status_of
from orders.models import Order, OrderLine, RefundedLine
from orders.returns.models import awaited_units
from orders.statuses import OrderStatus
from orders.transitions import write_fields
from shop import money
from shop.api.errors import Fault

UNIT_ERRORS = (UnknownLine, UnitsNotRefundable, UnitsInReturn, RefundOfCancelledOrder)

UnitsByLine = Mapping[ObjectId, int]
NONE: UnitsByLine = {}


@dataclass(frozen=True, kw_only=True)
class Units:
    """``line`` is the variant. ``restock`` puts the units back into stock."""

    line: ObjectId
    quantity: int
    restock: bool = False


@dataclass(frozen=True, kw_only=True)
class PricedRefund:
    lines: Sequence[RefundedLine] = ()
    shipping: Decimal = money.ZERO

    @property
    def amount(self) -> Decimal:
        return sum((line.amount for line in self.lines), self.shipping)

    def at_most(self, amount: Decimal) -> "PricedRefund":
        """Lower the shipping, then the lines from the last one on, if their sum is more than ``amount``."""
        lines, left = [], amount
        for line in self.lines:
            paid = min(line.amount, left)
            lines.append(RefundedLine(line=line.line, quantity=line.quantity, amount=paid, restock=line.restock))
            left -= paid
        return PricedRefund(lines=lines, shipping=min(self.shipping, left))


def price_refund(order: Order, units: Sequence[Units], *, shipping: bool) -> PricedRefund:
    """Raises ``UnknownLine``, ``UnitsNotRefundable``, ``UnitsInReturn``, ``RefundOfCancelledOrder``."""
    if order.status == OrderStatus.CANCELLED:
        raise RefundOfCancelledOrder
    lines = lines_of(order, [each.line for each in units])
    refunded, awaited = refunded_units(order), awaited_units(order.returns)
    left = {line.variant: line.quantity - refunded[line.variant] for line in lines}
    faults = [
        Fault(
            UnitsNotRefundable.default_code,
            f"At most {left[each.line]} units of this line can be refunded.",
            f"lines.{index}.quantity",
        )
        for index, each in enumerate(units)
        if each.quantity > left[each.line]
    ]
    if faults:
        raise UnitsNotRefundable(faults=faults)
    for index, (line, each) in enumerate(zip(lines, units, strict=True)):
        if line.returned + _split(order, line, each).returned + awaited[line.variant] > line.fulfilled:
            raise UnitsInReturn(attr=f"lines.{index}.restock")
    return PricedRefund(
        lines=[
            RefundedLine(
                line=each.line,
                quantity=each.quantity,
                amount=amount_of_next(order, line, each.quantity),
                restock=each.restock,
            )
            for line, each in zip(lines, units, strict=True)
        ],
        shipping=paid_for_shipping(order) - refunded_for_shipping(order) if shipping else money.ZERO,
    )


def lines_of(order: Order, variants: Sequence[ObjectId]) -> list[OrderLine]:
    """Raises ``UnknownLine`` for lines of other orders, and for repeated ones."""
    lines = {line.variant: line for line in order.lines}
    faults = [
        Fault(UnknownLine.default_code, UnknownLine.default_detail, f"lines.{index}.line")
        for index, variant in enumerate(variants)
        if variant not in lines or variant in variants[:index]
    ]
    if faults:
        raise UnknownLine(faults=faults)
    return [lines[variant] for variant in variants]


@dataclass(frozen=True, kw_only=True)
class _Split:
    cancelled: int
    returned: int
    restocked: int


def _split(order: Order, line: OrderLine, units: Units | RefundedLine) -> _Split:
    """Take units first that were cancelled or returned without a refund, then units that are not shipped."""
    gone = line.cancelled + line.returned
    new = max(0, units.quantity - max(0, gone - refunded_units(order)[line.variant]))
    cancelled = min(new, line.unfulfilled)
    returned = new - cancelled if units.restock else 0
    restocked = min(units.quantity, gone + cancelled + returned - line.restocked) if units.restock else 0
    return _Split(cancelled=cancelled, returned=returned, restocked=restocked)


def take_back(order: Order, refunded: Sequence[RefundedLine]) -> None:
    """Cancel units that are not shipped, and restock. Call it before the refund is recorded, in its transaction."""
    lines = {line.variant: line for line in order.lines}
    splits = {each.line: _split(order, lines[each.line], each) for each in refunded}
    change_units(
        order,
        cancelled={pk: split.cancelled for pk, split in splits.items()},
        returned={pk: split.returned for pk, split in splits.items()},
        restocked={pk: split.restocked for pk, split in splits.items()},
        reason=StockMovement.Reason.RESTOCK,
    )


def change_units(
    order: Order,
    *,
    cancelled: UnitsByLine = NONE,
    returned: UnitsByLine = NONE,
    restocked: UnitsByLine,
    reason: StockMovement.Reason,
) -> None:
    """Add units to the lines. Stock, sales and the fulfilment status follow. Call it in a transaction."""
    sold = order.sold_units
    for line in order.lines:
        line.cancelled += cancelled.get(line.variant, 0)
        line.returned += returned.get(line.variant, 0)
        line.restocked += restocked.get(line.variant, 0)
    write_fields(
        order,
        {
            "lines": order.lines,
            "fulfilments": order.fulfilments,
            "fulfilment_status": fulfilment_status_of(order),
            "all_units_cancelled": all(line.cancelled == line.quantity for line in order.lines),
        },
    )
    unsold = {str(variant): order.sold_units.get(variant, 0) - units for variant, units in sold.items()}
    if order.counts_as_sale and any(unsold.values()):
        catalog.count_sales.enqueue(quantities={variant: units for variant, units in unsold.items() if units})
    back = {variant: units for variant, units in restocked.items() if units}
    if back:
        stock.release({order.number: back}, reason=reason)
