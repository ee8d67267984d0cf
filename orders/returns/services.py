"""Returns, from the request to the refund. Concurrent changes of an order conflict and are retried."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from bson import ObjectId
from django.utils import timezone

from catalog.models import StockMovement
from orders import hooks
from orders.amounts import amount_of_next, paid_for_shipping, refunded_for_shipping, refunded_units
from orders.changes import record_refund_of
from orders.errors import (
    NothingReceived,
    ReturnNotOpen,
    ReturnWindowClosed,
    TooManyReturns,
    UnitsNotExpected,
    UnitsNotReturnable,
    WithdrawalNotRejectable,
)
from orders.events import Actor, Event
from orders.models import Order
from orders.refunds import Units, change_units, lines_of
from orders.returns.models import MAX_RETURNS, OrderReturn, ReturnedLine, ReturnStatus
from orders.returns.states import fields_of_returns, return_of
from orders.returns.windows import returnable_units
from orders.transitions import require_allowed, transition, write_fields
from shop import money
from shop.api import idempotency
from shop.api.errors import Fault
from shop.db.transactions import transactional


@dataclass(frozen=True, kw_only=True)
class RequestedLine:
    """``line`` is the variant."""

    line: ObjectId
    quantity: int
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class ReceivedLine:
    """``line`` is the variant; ``quantity`` the units that have arrived, None for all."""

    line: ObjectId
    restock: bool = False
    quantity: int | None = None


# --- Requests ---------------------------------------------------------------------------------------------------------


@transactional("orders.request_return")
def request_return(
    *, order: Order, lines: Sequence[RequestedLine], withdrawal: bool, actor: Actor
) -> tuple[Order, OrderReturn]:
    """Request a return, or withdraw from the contract: units that are not shipped are then cancelled.

    Raises the errors of ``prepare_return``.
    """
    order = Order.objects.get(pk=order.pk)
    requested = prepare_return(order, lines, withdrawal=withdrawal)
    idempotency.finish(status=201, reference=str(requested.key))
    unshipped = {line.line: line.unshipped for line in requested.lines}
    if any(unshipped.values()):
        change_units(order, cancelled=unshipped, restocked=unshipped, reason=StockMovement.Reason.RESTOCK)
    order.returns.append(requested)
    event = Event.WITHDRAWN if withdrawal else Event.RETURN_REQUESTED
    # Orders of earlier releases get their parcels when they are read.
    fields = {**fields_of_returns(order), "lines": order.lines, "fulfilments": order.fulfilments}
    transition(order, event, actor=actor, fields=fields, returned=requested.key)
    return order, requested


def prepare_return(order: Order, lines: Sequence[RequestedLine], *, withdrawal: bool) -> OrderReturn:
    """Return an unsaved return. Raises ``OrderNotReturnable``, ``TooManyReturns``, ``UnknownLine``,
    ``UnitsNotReturnable``, ``ReturnWindowClosed``."""
    require_allowed(order, Event.RETURN_REQUESTED)
    if len(order.returns) >= MAX_RETURNS:
        raise TooManyReturns
    ordered = lines_of(order, [each.line for each in lines])
    returnable = returnable_units(order, withdrawal=withdrawal)
    for error in (UnitsNotReturnable, ReturnWindowClosed):
        faults = []
        for index, each in enumerate(lines):
            units = returnable[each.line]
            most = units.ever if error is UnitsNotReturnable else units.now
            if each.quantity > most:
                detail = f"{error.default_detail} At most {most} can be."
                faults.append(Fault(error.default_code, detail, f"lines.{index}.quantity"))
        if faults:
            raise error(faults=faults)
    requested = OrderReturn(
        withdrawal=withdrawal,
        lines=[
            ReturnedLine(
                line=each.line,
                quantity=each.quantity,
                unshipped=min(each.quantity, line.unfulfilled) if withdrawal else 0,
                reason=each.reason,
            )
            for each, line in zip(lines, ordered, strict=True)
        ],
    )
    requested.refunds_shipping = withdrawal and _is_of_whole_order(order, requested)
    requested.expected_refund = _expected_refund(order, requested)
    return requested


def _is_of_whole_order(order: Order, requested: OrderReturn) -> bool:
    """Return whether nothing is kept, with earlier withdrawals and cancelled units."""
    gone = {line.variant: line.cancelled for line in order.lines}
    for each in (*order.returns, requested):
        if each.withdrawal and each.status != ReturnStatus.REJECTED:
            for line in each.lines:
                # Those not shipped were cancelled by earlier requests.
                gone[line.line] += line.quantity if each is requested else line.returned
    return all(gone[line.variant] >= line.quantity for line in order.lines)


def _expected_refund(order: Order, requested: OrderReturn) -> Decimal:
    lines, refunded = {line.variant: line for line in order.lines}, refunded_units(order)
    amount = money.ZERO
    for each in requested.lines:
        line = lines[each.line]
        amount += amount_of_next(order, line, min(each.quantity, line.quantity - refunded[each.line]))
    if requested.refunds_shipping:
        amount += paid_for_shipping(order) - refunded_for_shipping(order)
    # An amount may have been refunded before.
    return min(amount, order.net_total)


# --- Answers of staff -------------------------------------------------------------------------------------------------


@transactional("orders.approve_return")
def approve_return(*, order: Order, key: ObjectId, answer: str = "", refund: bool = True) -> Order:
    """Receive and refund a withdrawal at once if none of its units was shipped, unless ``refund`` is False.

    Raises ``ReturnNotOpen``, errors of refunds.
    """
    order, found = _read(order, key)
    _require(found.status == ReturnStatus.REQUESTED, found)
    found.status, found.answer = ReturnStatus.APPROVED, answer
    _change(order, found, Event.RETURN_APPROVED)
    if not found.has_goods:
        _receive(order, found, notify=False)
        order = _refund(order, found, shipping=False) if refund else order
    return order


@transactional("orders.reject_return")
def reject_return(*, order: Order, key: ObjectId, answer: str) -> Order:
    """Raises ``ReturnNotOpen``, ``WithdrawalNotRejectable``."""
    order, found = _read(order, key)
    _require(found.is_awaited, found)
    if found.withdrawal:
        raise WithdrawalNotRejectable
    found.status, found.answer = ReturnStatus.REJECTED, answer
    _change(order, found, Event.RETURN_REJECTED)
    return order


@transactional("orders.receive_return")
def receive_return(
    *,
    order: Order,
    key: ObjectId,
    lines: Sequence[ReceivedLine] = (),
    refund: bool = True,
    shipping: bool = False,
) -> Order:
    """Take the units back, as ``lines`` say or all of them, and refund them unless ``refund`` is False.

    Units that have not arrived are missing: they are not refunded, and can be returned again. A received return without
    a refund, or with one that failed, can be refunded by another call. Raises ``ReturnNotOpen``, ``UnknownLine``,
    ``UnitsNotExpected``, ``NothingReceived``, errors of refunds.
    """
    order, found = _read(order, key)
    lines_of(order, [each.line for each in lines])
    if found.status == ReturnStatus.APPROVED:
        _receive(order, found, lines=lines)
    else:
        is_recount = any(each.quantity is not None for each in lines)
        _require(refund and found.can_be_refunded and not is_recount, found)
    return _refund(order, found, shipping=shipping) if refund else order


def _read(order: Order, key: ObjectId) -> tuple[Order, OrderReturn]:
    order = Order.objects.get(pk=order.pk)
    return order, return_of(order, key)


def _require(allowed: bool, found: OrderReturn) -> None:
    if not allowed:
        raise ReturnNotOpen(f"This return is {found.get_status_display().lower()}.")


def _change(order: Order, found: OrderReturn, event: Event, *, notify: bool = True) -> None:
    found.changed_at = timezone.now()
    transition(order, event, actor=Actor.STAFF, fields=fields_of_returns(order), notify=notify, returned=found.key)


def _receive(order: Order, found: OrderReturn, *, lines: Sequence[ReceivedLine] = (), notify: bool = True) -> None:
    shipped = {line.line: line.shipped for line in found.lines}
    faults = [
        Fault(
            UnitsNotExpected.default_code,
            f"{UnitsNotExpected.default_detail} At most {shipped.get(each.line, 0)} can be received.",
            f"lines.{index}.quantity",
        )
        for index, each in enumerate(lines)
        if (each.quantity or 0) > shipped.get(each.line, 0)
    ]
    if faults:
        raise UnitsNotExpected(faults=faults)
    counted = {each.line: each.quantity for each in lines if each.quantity is not None}
    restock = {each.line for each in lines if each.restock}
    for line in found.lines:
        line.missing = line.shipped - counted.get(line.line, line.shipped)
        line.restocked = not line.shipped or (line.line in restock and line.returned > 0)
    if not any(line.unshipped or line.returned for line in found.lines):
        raise NothingReceived
    if any(line.missing for line in found.lines):
        # It is no longer of the whole order.
        found.refunds_shipping = False
    found.status, found.received_at = ReturnStatus.RECEIVED, timezone.now()
    change_units(
        order,
        returned={line.line: line.returned for line in found.lines},
        restocked={line.line: line.returned for line in found.lines if line.line in restock},
        reason=StockMovement.Reason.RETURN,
    )
    _change(order, found, Event.RETURN_RECEIVED, notify=notify)


def _refund(order: Order, found: OrderReturn, *, shipping: bool) -> Order:
    """Refund the units that were not refunded before."""
    refunded = refunded_units(order)
    gone = {line.variant: line.cancelled + line.returned - refunded[line.variant] for line in order.lines}
    units = [
        Units(line=line.line, quantity=min(line.quantity - line.missing, gone[line.line]))
        for line in found.lines
        if gone[line.line] > 0 and line.quantity > line.missing
    ]
    key = found.key
    (refund,) = hooks.refund_units(order=order, units=units, shipping=shipping or found.refunds_shipping)
    # The refund is on the order.
    order, found = _read(order, key)
    found.refund, found.refund_due, found.refund_failed = refund, refund is not None, False
    if refund is None:
        found.status = ReturnStatus.REFUNDED
    found.changed_at = timezone.now()
    write_fields(order, fields_of_returns(order))
    record_refund_of(order, found)
    return order
