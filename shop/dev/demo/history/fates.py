"""Courses that an order can take: its events with their dates."""

import random
from collections.abc import Iterator
from typing import NamedTuple

from catalog.models import StockMovement
from orders.events import Actor, Event
from shop.dev.demo.history.plan import DAY

# Shares of orders in thousandths; the rest is delivered.
SHARES = {
    "expired": 50,
    "cancelled": 20,
    "cancelled after payment": 10,
    "not delivered": 15,
    "two parcels": 40,
    "partially shipped": 20,
    "refunded": 15,
    "partially refunded": 25,
    "dispute open": 1,
    "dispute won": 2,
    "dispute lost": 1,
    "flagged": 4,
    "returned": 25,
    "withdrawn": 15,
    "return rejected": 3,
}
_FATES = [fate for fate, share in SHARES.items() for _ in range(share)]
_FATES += ["delivered"] * (1000 - len(_FATES))
# Courses of the orders of today.
TODAY = ("unpaid", "delivered", "failed", "unpaid", "delivered", "delivered", "processing")
OPEN = ("unpaid", "failed", "processing")
# One unit is shipped before, or cancelled without, the rest of the order: needs two units.
SPLIT = ("two parcels", "partially shipped", "withdrawn")
# The stock is released.
CLOSING = (Event.CANCELLED, Event.EXPIRED)
# A unit of the first line goes back into stock: of a withdrawal before it is shipped, of a return once it is received.
RESTOCKING = {
    Event.WITHDRAWN: StockMovement.Reason.RESTOCK,
    Event.RETURN_RECEIVED: StockMovement.Reason.RETURN,
}
FLAG_DETAIL = "{} was paid for this order in addition to {}, and must be refunded."


class Step(NamedTuple):
    """``detail`` may name the refund or the dispute."""

    moment: float
    event: Event
    actor: Actor
    detail: str = ""
    # Share of the total, in hundredths.
    refund: int = 0
    # It is about one unit of the first line: of a parcel, not all that is left; of a refund, not a share.
    is_part: bool = False


def fate_of(number: int, chance: random.Random) -> str:
    return _FATES[int(chance.random() * 1000)]


def steps(fate: str, placed: float, chance: random.Random) -> Iterator[Step]:
    """Yield what happens, also in the future; the caller stops there."""
    yield Step(placed, Event.PLACED, Actor.CUSTOMER)
    moment = placed + 120 * chance.random() + 30
    if fate == "unpaid":
        return
    if fate == "processing":
        yield Step(moment, Event.PAYMENT_PROCESSING, Actor.STRIPE)
        return
    if fate == "failed" or chance.random() < 0.05:
        yield Step(moment, Event.PAYMENT_FAILED, Actor.STRIPE, "Your card was declined.")
        moment += 60
    if fate == "failed":
        return
    if fate == "expired":
        yield Step(placed + 1800, Event.EXPIRED, Actor.SYSTEM, "It was not paid in time.")
        return
    if fate == "cancelled":
        yield Step(moment + 300, Event.CANCELLED, Actor.CUSTOMER, "Ordered twice.")
        return
    yield Step(moment, Event.PAID, Actor.STRIPE)
    if fate == "cancelled after payment":
        moment += DAY / 2 * chance.random()
        yield Step(moment, Event.CANCELLED, Actor.STAFF, "The customer called.")
        yield Step(moment + 5, Event.REFUNDED, Actor.SYSTEM, refund=100)
        return
    if fate == "flagged":
        yield Step(moment + 600, Event.FLAGGED, Actor.STRIPE)
        if chance.random() < 0.7:
            yield Step(
                moment + 1200 + DAY / 8 * chance.random(), Event.FLAG_SETTLED, Actor.STAFF, "Refunded in Stripe."
            )
    moment += DAY * (0.2 + 2.5 * chance.random())
    if fate == "withdrawn":
        yield Step(moment - DAY / 8, Event.WITHDRAWN, Actor.CUSTOMER)
        yield Step(moment - DAY / 12, Event.RETURN_APPROVED, Actor.STAFF)
        yield from _received(moment - DAY / 12 + 1)
    elif fate in SPLIT:
        yield Step(moment, Event.SHIPPED, Actor.STAFF, _tracking(chance), is_part=True)
        moment += DAY * (1 + 6 * chance.random())
    if fate == "partially shipped":
        return
    yield Step(moment, Event.SHIPPED, Actor.STAFF, _tracking(chance))
    if fate == "not delivered":
        return
    moment += DAY * (1 + 4 * chance.random())
    yield Step(moment, Event.DELIVERED, Actor.STAFF)
    yield from _complaint(fate, moment, chance)


def _tracking(chance: random.Random) -> str:
    return f"DHL {int(chance.random() * 1e12):012}"


def _complaint(fate: str, moment: float, chance: random.Random) -> Iterator[Step]:
    moment += DAY * (1 + 15 * chance.random())
    if fate == "refunded":
        yield Step(moment, Event.REFUNDED, Actor.STAFF, refund=100)
    elif fate == "partially refunded":
        yield Step(moment, Event.REFUNDED, Actor.STAFF, refund=40)
    elif fate in ("returned", "return rejected"):
        yield Step(moment, Event.RETURN_REQUESTED, Actor.CUSTOMER)
        moment += DAY * chance.random()
        if fate == "return rejected":
            yield Step(moment, Event.RETURN_REJECTED, Actor.STAFF)
            return
        yield Step(moment, Event.RETURN_APPROVED, Actor.STAFF)
        yield from _received(moment + DAY * (3 + 8 * chance.random()))
    elif fate.startswith("dispute"):
        yield Step(moment, Event.DISPUTED, Actor.STRIPE)
        outcome = {"dispute won": Event.DISPUTE_WON, "dispute lost": Event.DISPUTE_LOST}.get(fate)
        if outcome:
            yield Step(moment + 20 * DAY, outcome, Actor.STRIPE)


def _received(moment: float) -> Iterator[Step]:
    """A withdrawal of units that are not shipped is received when it is approved."""
    yield Step(moment, Event.RETURN_RECEIVED, Actor.STAFF)
    yield Step(moment + 5, Event.REFUNDED, Actor.STAFF, is_part=True)
