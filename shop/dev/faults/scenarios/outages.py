import os
import signal
import threading
import time
from contextlib import suppress

import requests
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from shop.dev.faults.buyers import PROMISED_SECONDS, at_once
from shop.dev.faults.journeys import Journey, check, finish
from shop.dev.faults.results import Results
from shop.dev.faults.scenarios.kills import BUYERS, under_load
from shop.dev.faults.world import ShopWorld, World

CLAIM_SECONDS = 62.0


def step_downs(world: World, results: Results) -> None:
    """Repeated step-downs of the primary of three members lose no acknowledged order."""
    assert isinstance(world, ShopWorld)  # noqa: S101
    count = world.size(12, 1)
    if not world.workers:
        world.start_workers()
    gaps: list[float] = []

    def disturb() -> None:
        with MongoClient(world.replica_set.uri, serverSelectionTimeoutMS=20_000) as client:
            for number in range(count):
                world.progress(number, count)
                began = time.monotonic()
                with suppress(PyMongoError):
                    # The server answers by closing the connection.
                    client.admin.command("replSetStepDown", 5, secondaryCatchUpPeriodSecs=3, force=True)
                _wait_for_orders(results)
                gaps.append(time.monotonic() - began)
                time.sleep(world.random.uniform(2, 5))

    journeys = under_load(world, results, disturb, kinds=["order", "purchase", "cancel"])
    worst = max(gaps)
    results.note(f"step-downs: {count}; worst time until orders were acknowledged again: {worst:.1f} s")
    results.expect(worst < 45, f"for {worst:.0f} s no order was acknowledged")
    _recover(world, results, journeys)


def _wait_for_orders(results: Results) -> None:
    """Wait for more orders than were in progress."""
    before, give_up_at = results.acknowledged, time.monotonic() + 60
    while results.acknowledged <= before + BUYERS and time.monotonic() < give_up_at:
        time.sleep(0.02)


def frozen(world: World, results: Results) -> None:
    """While mongod is frozen for 30 s, requests get 503 within 10 s, /livez 200 and /readyz 503; then all recovers."""
    assert isinstance(world, ShopWorld)  # noqa: S101
    seconds = world.size(30, 12)
    if not world.workers:
        world.start_workers()
    (process,) = world.replica_set.processes
    waits: dict[str, list[float]] = {"/livez": [], "/readyz": [], "/api/v1/products/": []}

    def look(path: str, wanted: int) -> None:
        began = time.monotonic()
        try:
            with requests.Session() as http:
                http.trust_env = False
                status = http.get(f"{world.url}{path}", timeout=30).status_code
        except requests.RequestException as error:
            results.unexpected.append(f"{path} did not answer while the database was frozen: {error}")
            return
        waits[path].append(time.monotonic() - began)
        results.expect(status == wanted, f"{path} answered {status} while the database was frozen")

    def disturb() -> None:
        time.sleep(2)
        os.kill(process.pid, signal.SIGSTOP)
        try:
            ends = time.monotonic() + seconds
            time.sleep(0.5)
            while time.monotonic() < ends - PROMISED_SECONDS:
                world.progress(int(seconds - (ends - time.monotonic())), seconds)
                wanted = {"/livez": 200, "/readyz": 503, "/api/v1/products/": 503}
                at_once([lambda p=path, s=status: look(p, s) for path, status in wanted.items()])
                time.sleep(0.5)
            time.sleep(max(0.0, ends - time.monotonic()))
        finally:
            os.kill(process.pid, signal.SIGCONT)
        time.sleep(5)

    journeys = under_load(world, results, disturb, kinds=["order", "purchase", "cancel"])
    slowest = max([*(journey.slowest for journey in journeys), *waits["/api/v1/products/"]])
    results.note(
        f"slowest reply: {slowest:.1f} s; /livez {max(waits['/livez']):.2f} s, /readyz {max(waits['/readyz']):.1f} s"
    )
    results.expect(slowest <= PROMISED_SECONDS, f"a reply took {slowest:.1f} s")
    results.expect(max(waits["/livez"]) < 2, f"/livez took {max(waits['/livez']):.1f} s")
    _recover(world, results, journeys)


def _recover(world: ShopWorld, results: Results, journeys: list[Journey]) -> None:
    world.restart_dead_processes()
    if world.short:
        world.state.expire_leases()
    else:
        threading.Event().wait(CLAIM_SECONDS)
    finish(world, journeys, seconds=240)
    world.wait_until_idle(results)
    check(world, results, journeys)
