import time

from shop.dev.faults.buyers import side_by_side
from shop.dev.faults.money import check_money
from shop.dev.faults.scenarios.steps import open_orders
from shop.dev.faults.tally import Tally
from shop.dev.faults.world import ShopWorld, World


def webhooks_off(world: World, tally: Tally) -> None:
    """With webhooks off for 50 payments, `reconcile_payments` marks every order paid; a second run changes nothing."""
    assert isinstance(world, ShopWorld)  # noqa: S101
    count = world.size(50, 10)
    product = world.books.make_product(count)
    world.stripe.deliver("off")
    orders = open_orders(world, tally, product, count)
    tally.attempt(count)
    side_by_side([lambda i=order.intent: world.stripe.pay(i) for order in orders], threads=4)
    tally.acknowledge(count)
    unpaid = [order for order in world.books.orders() if order.paid]
    tally.expect(not unpaid, f"{len(unpaid)} orders are paid without a webhook")
    # Reconciliation skips objects of the second in which it starts.
    time.sleep(2)
    first, second = world.reconcile() or "-", world.reconcile() or "-"
    tally.note(f"reconcile_payments: first {first.splitlines()[-1]} Then {second.splitlines()[-1]}")
    tally.expect(f", {count} repaired, 0 problems" in first, f"the first reconciliation said: {first}")
    tally.expect(", 0 repaired, 0 problems" in second, f"the second reconciliation said: {second}")
    world.settle(tally)
    left = [order.number for order in world.books.orders() if order.payment_status != "paid"]
    tally.expect(not left, f"{len(left)} orders are not paid")
    check_money(world, tally)
