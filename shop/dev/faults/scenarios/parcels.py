from collections import Counter
from collections.abc import Callable
from typing import Any

from shop.dev.faults.buyers import Answer, Buyer, at_once, new_key, run_in_parallel
from shop.dev.faults.money import check_money
from shop.dev.faults.results import Results
from shop.dev.faults.scenarios.steps import Opened, open_orders
from shop.dev.faults.world import World

UNITS = 4


def parcels(world: World, results: Results) -> None:
    """Staff who ship, cancel and refund the units of an order at once ship and refund each unit at most once."""
    count = world.size(12, 3)
    product = world.state.make_product(count * UNITS)
    orders = open_orders(world, results, product, count, quantity=UNITS)
    for order in orders:
        world.stripe.pay(order.intent)
    world.wait_until_idle(results)
    staff = Buyer(world.url, world.state.make_staff(), results)
    run_in_parallel([lambda o=order: _race(staff, o, results) for order in orders], threads=2)
    world.wait_until_idle(results)
    for order in orders:
        shown = staff.order(order.number).body
        (line,) = shown["lines"]
        packed = sum(each["quantity"] for parcel in shown["fulfilments"] for each in parcel["lines"])
        fine = packed == line["fulfilled"] and line["fulfilled"] + line["cancelled"] <= UNITS
        results.expect(fine, f"{order.number} has {packed} of {UNITS} units in parcels, its line {line}")
    check_money(world, results)


def _race(staff: Buyer, order: Opened, results: Results) -> None:
    (line,) = staff.order(order.number).body["lines"]

    def some(quantity: int) -> list[dict[str, Any]]:
        return [{"line": line["id"], "quantity": quantity}]

    def call(path: str, body: dict[str, Any]) -> Callable[[], Answer]:
        return lambda: staff.twin().call("POST", path, body, key=new_key())

    path = f"/orders/{order.number}"
    requests = [
        *[call(f"{path}/fulfilments/", {"lines": some(2)})] * 3,
        call(f"{path}/fulfil/", {"status": "shipped"}),
        call(f"{path}/cancel/", {"reason": "Sold out"}),
        *[call(f"{path}/cancel-unshipped/", {"reason": "Sold out"})] * 2,
        *[call(f"/payments/{order.payment}/refunds/", {"lines": some(1)})] * 2,
    ]
    results.attempt(len(requests))
    answers = at_once(requests)
    done = [answer for answer in answers if answer.status in (200, 201)]
    results.acknowledge(len(done))
    others = Counter((answer.status, answer.code) for answer in answers if answer.status not in (200, 201))
    for (status, code), times in others.items():
        results.expect(status == 409, f"{times} responses {status} {code}")
