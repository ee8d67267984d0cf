from collections import Counter, defaultdict
from typing import Any

from shop.dev.faults.books import Booked
from shop.dev.faults.tally import Tally
from shop.dev.faults.world import World


def check_orders(world: World, tally: Tally, numbers: list[str]) -> list[Booked]:
    """Check that acknowledged orders exist once; return all orders."""
    booked = world.books.orders()
    times = Counter(order.number for order in booked)
    for number, answers in Counter(numbers).items():
        if not times[number]:
            tally.lost.append(f"the acknowledged order {number}")
        if answers > 1:
            tally.duplicated.append(f"{number} was acknowledged to {answers} requests as new")
    tally.duplicated += [f"order {number} exists {count} times" for number, count in times.items() if count > 1]
    return booked


def check_money(world: World, tally: Tally) -> None:
    """Compare payments and refunds with Stripe's."""
    state = world.stripe.state()
    intents: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for intent in state["payment_intents"]:
        intents[intent["metadata"].get("order", "?")].append(intent)
    refunds: dict[str, list[int]] = defaultdict(list)
    for refund in state["refunds"]:
        if refund["status"] == "succeeded":
            refunds[refund["payment_intent"]].append(refund["amount"])
    for order in world.books.orders():
        mine = intents.pop(order.number, [])
        if len(mine) > 1:
            tally.duplicated.append(f"{order.number} has {len(mine)} PaymentIntents")
        captured = [intent for intent in mine if intent["status"] == "succeeded"]
        gone = sorted(amount for intent in mine for amount in refunds[intent["id"]])
        _check_order(order, tally, captured=sum(each["amount_received"] for each in captured), gone=gone)
    for number, strays in intents.items():
        tally.lost += [f"order {number} of {intent['id']}" for intent in strays]


def _check_order(order: Booked, tally: Tally, *, captured: int, gone: list[int]) -> None:
    if order.paid > 1:
        tally.duplicated.append(f"{order.number} was marked paid {order.paid} times")
    if sum(gone) > captured or sum(order.refunds) > captured:
        tally.duplicated.append(f"{order.number}: {gone} of {captured} was refunded, the shop has {order.refunds}")
    elif sorted(order.refunds) != gone:
        tally.unexpected.append(f"{order.number}: Stripe refunded {gone}, the shop has {order.refunds}")
    if captured and not order.paid:
        tally.lost.append(f"the {captured} received for {order.number}")
    if order.paid and not captured:
        tally.unexpected.append(f"{order.number} is marked paid, but nothing was received")
    if order.status == "cancelled":
        if sum(gone) != captured:
            tally.unexpected.append(f"{order.number} is cancelled, {captured} was received and {gone} refunded")
        if len(gone) > 1:
            tally.duplicated.append(f"{order.number} is cancelled and was refunded {len(gone)} times")
