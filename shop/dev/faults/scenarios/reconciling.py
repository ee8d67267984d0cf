import time

from shop.dev.faults.buyers import run_in_parallel
from shop.dev.faults.money import check_money
from shop.dev.faults.results import Results
from shop.dev.faults.scenarios.steps import open_orders
from shop.dev.faults.world import ShopWorld, World


def webhooks_off(world: World, results: Results) -> None:
    """With webhooks off for 50 payments, `reconcile_payments` marks every order paid; a second run changes nothing."""
    assert isinstance(world, ShopWorld)  # noqa: S101
    count = world.size(50, 10)
    product = world.state.make_product(count)
    world.stripe.deliver("off")
    orders = open_orders(world, results, product, count)
    results.attempt(count)
    run_in_parallel([lambda i=order.intent: world.stripe.pay(i) for order in orders], threads=4)
    results.acknowledge(count)
    unpaid = [order for order in world.state.orders() if order.paid]
    results.expect(not unpaid, f"{len(unpaid)} orders are paid without a webhook")
    # Reconciliation skips objects of the second in which it starts.
    time.sleep(2)
    first, second = world.reconcile() or "-", world.reconcile() or "-"
    results.note(f"reconcile_payments: first {first.splitlines()[-1]} Then {second.splitlines()[-1]}")
    results.expect(f", {count} repaired, 0 problems" in first, f"the first reconciliation said: {first}")
    results.expect(", 0 repaired, 0 problems" in second, f"the second reconciliation said: {second}")
    world.wait_until_idle(results)
    left = [order.number for order in world.state.orders() if order.payment_status != "paid"]
    results.expect(not left, f"{len(left)} orders are not paid")
    check_money(world, results)
