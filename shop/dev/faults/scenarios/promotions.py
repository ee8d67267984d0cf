import os
import signal
import threading
import time
from collections import Counter
from contextlib import suppress

from shop.dev.faults.buyers import Answer, Buyer, at_once, new_key, run_in_parallel
from shop.dev.faults.money import check_orders
from shop.dev.faults.results import Results
from shop.dev.faults.world import ShopWorld, World, server_pids

# Time for a buyer to get a definite answer: the claim of a killed request lasts for a minute.
PATIENCE_SECONDS = 100.0
RESERVATION_SECONDS = 95.0
PRODUCTS = 50
REFUSED = (400, "invalid_coupon")


def thousand_buyers(world: World, results: Results) -> None:
    """If 1,000 buy at once with a promotion for 200, exactly 200 get it and the others a 400; none gets a 503."""
    _at_once(world, results, products=PRODUCTS)


def hot_product(world: World, results: Results) -> None:
    """If 1,000 buy one product at once with a promotion for 200, exactly 200 get it, the others a 400, none a 503."""
    _at_once(world, results, products=1)


def _at_once(world: World, results: Results, *, products: int) -> None:
    limit = world.size(200, 6)
    buyers = _buyers(world, results, limit, products=products)
    answers = at_once([lambda b=buyer: b.checkout() for buyer in buyers])
    _check(world, results, answers, limit=limit)


def limited_promotion(world: World, results: Results) -> None:
    """A limited promotion that buyers want while servers are killed is never used more often than its limit allows.

    What killed processes had reserved is given back, and used by others.
    """
    assert isinstance(world, ShopWorld)  # noqa: S101
    limit, deaths = world.size(40, 4), world.size(8, 1)
    world.stop_workers()
    world.start_workers(1)
    buyers = _buyers(world, results, limit)
    stopping = threading.Event()

    def kill() -> None:
        for _ in range(deaths):
            if stopping.wait(world.random.uniform(0.2, 1.0)):
                return
            if victims := server_pids(world.server.pid):
                with suppress(ProcessLookupError):
                    os.kill(world.random.choice(victims), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    answers = run_in_parallel([lambda b=buyer: _buy(world, b) for buyer in buyers], threads=16)
    stopping.set()
    killer.join()
    world.restart_dead_processes()
    if world.short:
        world.state.expire_leases()
    else:
        time.sleep(RESERVATION_SECONDS)
    world.wait_until_idle(results)
    left = limit - sum(answer.status == 201 for answer in answers)
    losers = [buyer for buyer, answer in zip(buyers, answers, strict=True) if answer.status != 201]
    results.note(f"limited promotion: {left} of {limit} uses were given back by killed processes and losers")
    answers += [_buy(world, buyer) for buyer in losers[: left + 1]]
    _check(world, results, [each for each in answers if each.status == 201 or each.code != REFUSED[1]], limit=limit)


def _buyers(world: World, results: Results, limit: int, *, products: int = PRODUCTS) -> list[Buyer]:
    """Return buyers, five per use, whose carts have one of the products and the promotion's code."""
    bought = [world.state.make_product(10 * limit) for _ in range(products)]
    code = f"FEW{world.random.randrange(10**6)}"
    world.state.make_coupon(code, limit)
    buyers = world.buyers(5 * limit, results)
    results.attempt(len(buyers))

    def fill(buyer: Buyer, product: str) -> None:
        added, applied = buyer.add(product), buyer.use_coupon(code)
        results.expect((added.status, applied.status) == (201, 200), f"a cart could not be filled: {added} {applied}")

    run_in_parallel([lambda b=buyer, p=bought[at % products]: fill(b, p) for at, buyer in enumerate(buyers)])
    return buyers


def _buy(world: World, buyer: Buyer) -> Answer:
    """Repeat the order with one key until its outcome is known."""
    key, give_up_at = new_key(), time.monotonic() + PATIENCE_SECONDS
    while True:
        answer = buyer.twin().checkout(key=key)
        if answer.is_definite or time.monotonic() > give_up_at:
            return answer
        if world.short:
            world.state.expire_leases()
        world.restart_dead_processes()
        time.sleep(0.2)


def _check(world: World, results: Results, answers: list[Answer], *, limit: int) -> None:
    numbers = [answer.body["number"] for answer in answers if answer.status == 201]
    results.acknowledge(len(numbers))
    results.expect(len(numbers) == limit, f"{len(numbers)} of {limit} possible buyers got the promotion")
    outcomes = Counter((answer.status, answer.code) for answer in answers if answer.status != 201)
    refused = outcomes.pop(REFUSED, 0)
    slowest = max(answer.seconds for answer in answers)
    results.note(f"answers: {len(numbers)} orders, {refused} refused; slowest {slowest:.1f} s")
    # First, because only the first are printed.
    results.unexpected[:0] = [f"{count} responses {outcome}" for outcome, count in outcomes.items()]
    check_orders(world, results, numbers)
