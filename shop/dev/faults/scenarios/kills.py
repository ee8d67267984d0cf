import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from shop.dev.faults.buyers import Buyer
from shop.dev.faults.journeys import KINDS, Journey, check, finish
from shop.dev.faults.results import Results
from shop.dev.faults.world import ShopWorld, World, server_pids

BUYERS = 8
HOLD_SECONDS = 20
CLAIM_SECONDS = 62.0


def kills(world: World, results: Results) -> None:
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
            _kill_one(world, results)

    journeys = under_load(world, results, disturb, kinds=list(KINDS))
    results.note(f"kills: {count}, with {len(journeys)} journeys under way")
    world.restart_dead_processes()
    if world.short:
        world.state.expire_leases()
    else:
        time.sleep(CLAIM_SECONDS)
    finish(world, journeys, seconds=240)
    # Unpaid orders must expire by themselves.
    give_up_at = time.monotonic() + HOLD_SECONDS + 90
    while any(each.status == "pending" for each in world.state.orders()) and time.monotonic() < give_up_at:
        world.restart_dead_processes()
        time.sleep(0.5)
    held = [each.number for each in world.state.orders() if each.status == "pending"]
    results.expect(not held, f"{len(held)} orders held stock beyond their expiry")
    world.wait_until_idle(results)
    check(world, results, journeys)


def under_load(world: World, results: Results, disturb: Callable[[], None], *, kinds: list[str]) -> list[Journey]:
    """Run journeys while ``disturb`` works; return them."""
    product = world.state.make_product(1_000_000)
    staff = Buyer(world.url, world.state.make_staff(), results)
    stopping = threading.Event()
    journeys: list[Journey] = []
    people = iter(world.state.make_people(world.size(2500, 200)))
    lock = threading.Lock()

    def work() -> None:
        while not stopping.is_set():
            with lock:
                person = next(people, None)
                kind = world.random.choice(kinds)
            if person is None:
                return
            # One user per journey: claims of a killed process block no other.
            journey = Journey(kind, world, Buyer(world.url, person, results), product, staff=staff.twin())
            journeys.append(journey)
            for _ in range(20):
                if journey.go() or stopping.is_set() or journey.next_step.startswith("see"):
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
    return journeys


def _kill_one(world: ShopWorld, results: Results) -> None:
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
    world.restart_dead_processes()
