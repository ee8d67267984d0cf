from collections import Counter, defaultdict
from typing import Any

from shop.dev.faults.results import Results
from shop.dev.faults.state import OrderRecord
from shop.dev.faults.world import World


def check_orders(world: World, results: Results, numbers: list[str]) -> list[OrderRecord]:
    """Acknowledged orders must exist once; return all orders."""
    orders = world.state.orders()
    times = Counter(order.number for order in orders)
    for number, answers in Counter(numbers).items():
        if not times[number]:
            results.lost.append(f"the acknowledged order {number}")
        if answers > 1:
            results.duplicated.append(f"{number} was acknowledged to {answers} requests as new")
    results.duplicated += [f"order {number} exists {count} times" for number, count in times.items() if count > 1]
    return orders


def check_money(world: World, results: Results) -> None:
    state = world.stripe.state()
    intents: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for intent in state["payment_intents"]:
        intents[intent["metadata"].get("order", "?")].append(intent)
    refunds: dict[str, list[int]] = defaultdict(list)
    for refund in state["refunds"]:
        if refund["status"] == "succeeded":
            refunds[refund["payment_intent"]].append(refund["amount"])
    for order in world.state.orders():
        mine = intents.pop(order.number, [])
        if len(mine) > 1:
            results.duplicated.append(f"{order.number} has {len(mine)} PaymentIntents")
        captured = [intent for intent in mine if intent["status"] == "succeeded"]
        refunded = sorted(amount for intent in mine for amount in refunds[intent["id"]])
        _check_order(order, results, captured=sum(each["amount_received"] for each in captured), refunded=refunded)
    for number, strays in intents.items():
        results.lost += [f"order {number} of {intent['id']}" for intent in strays]


def _check_order(order: OrderRecord, results: Results, *, captured: int, refunded: list[int]) -> None:
    if order.paid > 1:
        results.duplicated.append(f"{order.number} was marked paid {order.paid} times")
    if sum(refunded) > captured or sum(order.refunds) > captured:
        results.duplicated.append(
            f"{order.number}: {refunded} of {captured} was refunded, the shop has {order.refunds}"
        )
    elif sorted(order.refunds) != refunded:
        results.unexpected.append(f"{order.number}: Stripe refunded {refunded}, the shop has {order.refunds}")
    if captured and not order.paid:
        results.lost.append(f"the {captured} received for {order.number}")
    if order.paid and not captured:
        results.unexpected.append(f"{order.number} is marked paid, but nothing was received")
    if order.status == "cancelled":
        if sum(refunded) != captured:
            results.unexpected.append(f"{order.number} is cancelled, {captured} was received and {refunded} refunded")
        if len(refunded) > 1:
            results.duplicated.append(f"{order.number} is cancelled and was refunded {len(refunded)} times")
