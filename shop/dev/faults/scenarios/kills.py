import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from shop.dev.faults.buyers import Buyer
from shop.dev.faults.errands import KINDS, Errand, check, finish
from shop.dev.faults.tally import Tally
from shop.dev.faults.world import ShopWorld, World, server_pids

BUYERS = 8
HOLD_SECONDS = 20
CLAIM_SECONDS = 62.0


def kills(world: World, tally: Tally) -> None:
    """100 random kills of servers and workers under load lose nothing, repeat nothing and extend no hold on stock."""
    assert isinstance(world, ShopWorld)  # noqa: S101
    count = world.size(100, 3)
    world.start_server(ORDER_HOLD_SECONDS=str(world.size(HOLD_SECONDS, 3)))
    world.stop_workers()
    world.start_workers(2)

    def disturb() -> None:
        for number in range(count):
            world.progress(number, count)
            time.sleep(world.random.uniform(0.3, 1.5))
            _kill_one(world, tally)

    errands = under_load(world, tally, disturb, kinds=list(KINDS))
    tally.note(f"kills: {count}, with {len(errands)} errands under way")
    world.revive()
    if world.short:
        world.books.let_a_minute_pass()
    else:
        time.sleep(CLAIM_SECONDS)
    finish(world, errands, seconds=240)
    # Unpaid orders must expire by themselves.
    give_up_at = time.monotonic() + HOLD_SECONDS + 90
    while any(each.status == "pending" for each in world.books.orders()) and time.monotonic() < give_up_at:
        world.revive()
        time.sleep(0.5)
    held = [each.number for each in world.books.orders() if each.status == "pending"]
    tally.expect(not held, f"{len(held)} orders held stock beyond their expiry")
    world.settle(tally)
    check(world, tally, errands)


def under_load(world: World, tally: Tally, disturb: Callable[[], None], *, kinds: list[str]) -> list[Errand]:
    """Run errands while ``disturb`` works; return them."""
    product = world.books.make_product(1_000_000)
    staff = Buyer(world.url, world.books.make_staff(), tally)
    stopping = threading.Event()
    errands: list[Errand] = []
    people = iter(world.books.make_people(world.size(2500, 200)))
    lock = threading.Lock()

    def work() -> None:
        while not stopping.is_set():
            with lock:
                person = next(people, None)
                kind = world.random.choice(kinds)
            if person is None:
                return
            # One user per errand: claims of a killed process block no other.
            errand = Errand(kind, world, Buyer(world.url, person, tally), product, staff=staff.twin())
            errands.append(errand)
            for _ in range(20):
                if errand.go() or stopping.is_set() or errand.next_step.startswith("see"):
                    break
                time.sleep(0.2)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(BUYERS)]
    for thread in threads:
        thread.start()
    try:
        disturb()
    finally:
        stopping.set()
        for thread in threads:
            thread.join(60)
    return errands


def _kill_one(world: ShopWorld, tally: Tally) -> None:
    """Kill a server process, a worker or, rarely, the whole server."""
    chance = world.random.random()
    if chance < 0.1:
        world.server.kill()
    elif chance < 0.7:
        victims = server_pids(world.server.pid)
        if victims:
            with suppress(ProcessLookupError):
                os.kill(world.random.choice(victims), signal.SIGKILL)
    else:
        world.random.choice(world.workers).kill()
    world.revive()
