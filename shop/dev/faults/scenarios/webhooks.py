import itertools
import json
import time
from collections.abc import Callable
from typing import Any

from shop.dev.faults.buyers import run_in_parallel
from shop.dev.faults.money import check_money
from shop.dev.faults.results import Results
from shop.dev.faults.scenarios.steps import Opened, deliver_at_once, events_of, open_orders, post_body, post_event
from shop.dev.faults.world import World
from shop.dev.stripe_simulator import ApiError
from shop.dev.stripe_simulator.delivery import body_of, sign

FIVE = ("created", "payment_failed", "requires_action", "processing", "succeeded")


def one_event(world: World, results: Results) -> None:
    """One event delivered 100 times at once, and the same success under five other ids, mark an order paid once."""
    world.stripe.deliver("off")
    product = world.state.make_product(10)
    (order,) = open_orders(world, results, product, 1)
    world.stripe.pay(order.intent)
    (success,) = events_of(world, order.intent, "payment_intent.succeeded")
    before = world.state.events()
    deliver_at_once(world, results, [success] * world.size(100, 50))
    stored = world.state.events() - before
    if stored > 1:
        results.duplicated.append(f"one event became {stored} rows")
    deliver_at_once(world, results, [world.stripe.twin(success["id"]) for _ in range(5)])
    world.wait_until_idle(results)
    (record,) = [each for each in world.state.orders() if each.number == order.number]
    results.expect(record.payment_status == "paid", f"{order.number} is {record.payment_status}")
    check_money(world, results)


def every_order(world: World, results: Results) -> None:
    """A payment's five events, in each of their 120 orders, mark the order paid once."""
    world.stripe.deliver("off")
    arrivals = list(itertools.permutations(range(len(FIVE))))
    if world.short:
        arrivals = world.random.sample(arrivals, 4)
    orders = open_orders(world, results, world.state.make_product(len(arrivals)), len(arrivals))
    sent = {}
    for order, arrival in zip(orders, arrivals, strict=True):
        _decline(world, order)
        world.stripe.pay(order.intent, "pm_card_authenticationRequired")
        _pay_by_bank(world, order)
        events = events_of(world, order.intent, *(f"payment_intent.{name}" for name in FIVE))
        results.expect(len(events) == len(FIVE), f"Stripe sent {len(events)} events of {order.number}")
        sent[order.number] = [events[number] for number in arrival]
    _deliver_all(world, results, sent)
    _check_ends(world, results, sent, dict.fromkeys(sent, "paid"))


def any_order(world: World, results: Results) -> None:
    """Whatever happens to a payment (declines, refunds, disputes), its events lead to one state in any order."""
    world.stripe.deliver("off")
    count = world.size(200, 6)
    orders = open_orders(world, results, world.state.make_product(count), count)
    ends = {order.number: _live(world, order) for order in orders}
    sent: dict[str, list[dict[str, Any]]] = {order.number: events_of(world, order.intent) for order in orders}
    for events in sent.values():
        # Repeat, also under other ids, and shuffle.
        events += world.random.sample(events, min(3, len(events)))
        events += [world.stripe.twin(event["id"]) for event in world.random.sample(events, min(2, len(events)))]
        world.random.shuffle(events)
    _deliver_all(world, results, sent)
    _check_ends(world, results, sent, ends)


def _deliver_all(world: World, results: Results, sent: dict[str, list[dict[str, Any]]]) -> None:
    """Deliver in sequence, several orders in parallel."""
    results.attempt(sum(len(events) for events in sent.values()))

    def deliver(number: str) -> None:
        for event in sent[number]:
            status = post_event(world, event)
            results.answered(status, "a delivery")
            results.expect(status == 200, f"a delivery was answered with {status}")
            results.acknowledge(status == 200)

    numbers = list(sent)
    for start in range(0, len(numbers), 20):
        run_in_parallel([lambda n=number: deliver(n) for number in numbers[start : start + 20]], threads=6)
        world.progress(start, len(numbers))


def _check_ends(world: World, results: Results, sent: dict[str, list[dict[str, Any]]], ends: dict[str, str]) -> None:
    world.wait_until_idle(results)
    for record in world.state.orders():
        end = ends[record.number]
        happened = [event["type"] for event in sent[record.number]]
        if record.payment_status != end:
            results.unexpected.append(f"{record.number} is {record.payment_status} instead of {end} after {happened}")
    check_money(world, results)


def _live(world: World, order: Opened) -> str:
    """Create a random history at Stripe; return the payment's final status."""
    stripe, chance = world.stripe, world.random
    if chance.random() < 0.3:
        _decline(world, order)
    if chance.random() < 0.3:
        _pay_by_bank(world, order)
    else:
        stripe.pay(order.intent)
    back = 0
    for amount in chance.choice([[], [], [400], [300, 200], [1000], [400, 600]]):
        refund = stripe.refund(order.intent, amount)
        if chance.random() < 0.2:
            stripe.fail_refund(refund["id"])
        else:
            back += amount
    if back < 1000 and chance.random() < 0.4:
        dispute = stripe.dispute(order.intent)
        decided = chance.choice([None, True, False])
        if decided is not None:
            stripe.close_dispute(dispute["id"], won=decided)
        if not decided:
            return "disputed"
    return "refunded" if back == 1000 else "partially_refunded" if back else "paid"


def _decline(world: World, order: Opened) -> None:
    try:
        world.stripe.pay(order.intent, "pm_card_chargeDeclined")
    except ApiError:
        return
    raise AssertionError("a declined card was not declined")


def _pay_by_bank(world: World, order: Opened) -> None:
    world.stripe.pay(order.intent, "pm_usBankAccount_processing")
    world.stripe.finish_processing(order.intent)


def signatures(world: World, results: Results) -> None:
    """Replayed, forged and altered events get 400 and are not stored; both signatures of a rotation are accepted."""
    world.stripe.deliver("off")
    product = world.state.make_product(10)
    (order,) = open_orders(world, results, product, 1)
    world.stripe.pay(order.intent)
    (success,) = events_of(world, order.intent, "payment_intent.succeeded")
    body, secret, now = body_of(success), world.stripe.webhook_secret, int(time.time())
    forgeries: dict[str, Callable[[], int]] = {
        "an old timestamp": lambda: post_body(world, body, sign(body, [secret], now - 301)),
        "another secret": lambda: post_body(world, body, sign(body, ["whsec_other"], now)),
        "a truncated body": lambda: post_body(world, body[:-2], sign(body, [secret], now)),
        "a re-serialised body": lambda: post_body(world, json.dumps(success).encode(), sign(body, [secret], now)),
        "no signature": lambda: post_body(world, body, ""),
        "an empty body": lambda: post_body(world, b"", sign(body, [secret], now)),
        "no event": lambda: post_body(world, b"[]", sign(b"[]", [secret], now)),
    }
    before = world.state.events()
    results.attempt(len(forgeries) + 1)
    for what, post in forgeries.items():
        status = post()
        results.answered(status, what)
        results.expect(status >= 500 or status == 400, f"{what} was answered with {status}")
    stored = world.state.events() - before
    results.expect(stored == 0, f"{stored} forged events were stored")
    # Stripe signs with both.
    status = post_body(world, body, sign(body, ["whsec_new", secret], int(time.time())))
    results.expect(status == 200, f"two signatures during a rotation were answered with {status}")
    results.acknowledge(status == 200)
    world.wait_until_idle(results)
    check_money(world, results)
