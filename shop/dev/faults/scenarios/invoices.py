import threading
import time

from shop.dev.faults.buyers import Buyer, at_once, new_key
from shop.dev.faults.money import check_money
from shop.dev.faults.results import Results
from shop.dev.faults.scenarios.steps import open_orders
from shop.dev.faults.world import ShopWorld, World

WORKERS = 3


def invoice_numbers(world: World, results: Results) -> None:
    """If 1,000 pay at once while workers are killed, invoices are numbered 1 to 1,000, one for each order.

    A tenth is refunded, which numbers credit notes likewise.
    """
    assert isinstance(world, ShopWorld)  # noqa: S101
    count = world.size(1000, 12)
    product = world.state.make_product(count)
    orders = open_orders(world, results, product, count)
    world.stop_workers()
    world.start_workers(WORKERS)
    results.attempt(len(orders))
    payers = threading.Thread(target=lambda: at_once([lambda o=order: world.stripe.pay(o.intent) for order in orders]))
    payers.start()
    # From the thread that started the workers.
    for _ in range(world.size(20, 3)):
        time.sleep(world.random.uniform(0.3, 1.2))
        world.random.choice(world.workers).kill()
        world.restart_dead_processes()
    payers.join()
    world.state.expire_leases()
    world.wait_until_idle(results)
    staff = Buyer(world.url, world.state.make_staff(), results)
    for order in orders[: count // 10]:
        answer = staff.refund(order.payment, "1.00", key=new_key())
        results.expect(answer.status == 201, f"a refund was answered with {answer}")
    world.wait_until_idle(results)
    paid, credited = world.state.invoice_numbers()
    results.expect(paid == list(range(1, len(orders) + 1)), f"{len(paid)} invoices for {len(orders)} payments")
    results.expect(credited == list(range(1, count // 10 + 1)), f"{len(credited)} credit notes")
    results.acknowledge(len(paid))
    check_money(world, results)
