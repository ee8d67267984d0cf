import re
import time
from pathlib import Path

from django.conf import settings

from shop.dev.faults.buyers import Buyer
from shop.dev.faults.journeys import Journey, check, finish
from shop.dev.faults.results import Results
from shop.dev.faults.world import ShopWorld, Worker, World, server_pids

# Seconds to reach the point.
DEATH_SECONDS = 25.0
# Leases and claims expire after a minute.
CLAIM_SECONDS = 62.0
FINISH_SECONDS = 240.0

# Transaction, journey that reaches it, process to kill. Others run inside one of these.
TRANSACTIONS = [
    ("cart.create", "purchase", "server"),
    ("orders.place", "purchase", "server"),
    ("payments.create", "purchase", "server"),
    ("payments.create_customer", "purchase", "server"),
    ("payments.apply_intent", "purchase", "server"),
    ("payments.apply_event", "purchase", "server"),
    ("jobs.work", "purchase", "worker"),
    ("orders.calculate_totals", "purchase", "worker"),
    ("orders.cancel", "cancel", "server"),
    ("payments.apply_intent", "cancel", "server"),
    ("orders.cancel", "cancel_paid", "server"),
    ("orders.expire", "expiry", "worker"),
    ("payments.apply_intent", "expiry", "worker"),
    ("payments.refund", "refund", "server"),
    ("payments.apply_refund", "refund", "server"),
    ("orders.request_return", "return", "server"),
    ("orders.approve_return", "return", "server"),
    ("payments.apply_refund", "return", "server"),
    ("payments.reserve_refund", "late", "server"),
    ("payments.apply_refund", "late", "server"),
]
CALLS = [
    ("stripe.create_customer", "purchase", "server"),
    ("stripe.create_intent", "purchase", "server"),
    ("stripe.create_customer_session", "purchase", "server"),
    ("stripe.cancel_intent", "cancel", "server"),
    ("stripe.retrieve_intent", "cancel_paid", "server"),
    ("stripe.create_refund", "cancel_paid", "server"),
    ("stripe.cancel_intent", "expiry", "worker"),
    ("stripe.create_refund", "refund", "server"),
    ("stripe.list_refunds", "refund", "worker"),
    ("stripe.create_refund", "return", "server"),
    ("stripe.create_refund", "late", "server"),
]
APPS = ("accounts", "cart", "catalog", "orders", "payments", "shop")
CRASH_POINTS = [
    *((f"{name}:{when}", *rest) for name, *rest in TRANSACTIONS for when in ("begin", "before_commit", "after_commit")),
    *((f"{name}:{when}", *rest) for name, *rest in CALLS for when in ("before", "after")),
]


def crash_points(world: World, results: Results) -> None:
    """A process killed at any point of a transaction or a Stripe call does not change how a journey ends."""
    assert isinstance(world, ShopWorld)  # noqa: S101
    _check_names(results)
    product = world.state.make_product(1000)
    staff = Buyer(world.url, world.state.make_staff(), results)
    world.stop_workers()
    places = world.random.sample(CRASH_POINTS, 2) if world.short else CRASH_POINTS
    journeys = []
    for done, (place, kind, victim) in enumerate(places):
        world.progress(done, len(places))
        # An earlier journey's deliveries must not trigger this kill.
        world.stripe.wait_until_idle(3)
        (person,) = world.state.make_people(1)
        journey_kind = "cancel_paid" if kind == "late" else kind
        journey = Journey(journey_kind, world, Buyer(world.url, person, results), product, staff=staff)
        journeys.append(journey)
        killed = (_kill_server if victim == "server" else _kill_worker)(world, journey, place, late=kind == "late")
        results.expect(killed, f"no process was killed at {place} during a {kind}")
    world.start_server()
    world.start_workers(2)
    if world.short:
        world.state.expire_leases()
    else:
        time.sleep(CLAIM_SECONDS)
    finish(world, journeys, seconds=FINISH_SECONDS)
    world.wait_until_idle(results)
    check(world, results, journeys)
    results.note(f"crash points: {len(places)}")


def _kill_server(world: ShopWorld, journey: Journey, place: str, *, late: bool) -> bool:
    """Return whether the server died at ``place``."""
    world.start_server(processes=1, CRASH_AT=place)
    alive = server_pids(world.server.pid)
    journey.interrupted = lambda: server_pids(world.server.pid) != alive
    journey.patience = DEATH_SECONDS
    if late:
        _cancel_locally(world, journey)
    elif journey.kind == "cancel_paid":
        # The cancel must arrive before the payment.
        world.stripe.deliver("hold", types=["payment_intent.succeeded"])
    journey.go()
    died = _wait_for_death(journey)
    world.stripe.deliver()
    world.stripe.release()
    return died


def _cancel_locally(world: ShopWorld, journey: Journey) -> None:
    """Leave the intent open, so that the payment succeeds."""
    while journey.next_step in ("fill", "checkout", "open"):
        if not journey.step():
            return
    world.state.cancel_locally(journey.number, expired=False)


def _kill_worker(world: ShopWorld, journey: Journey, place: str, *, late: bool = False) -> bool:
    """Return whether a worker died at ``place``."""
    world.start_server(processes=1)
    worker = Worker(log=world.folder / "worker-killed.log", environment={**world.environment, "CRASH_AT": place})
    journey.interrupted = lambda: not worker.is_alive
    if journey.kind == "expiry":
        while journey.next_step in ("fill", "checkout", "open") and journey.step():
            pass
        world.state.expire_hold(journey.number)
        # A worker killed before may have the lease.
        world.state.expire_in(0)
    worker.start()
    try:
        journey.patience = DEATH_SECONDS
        journey.go()
        return _wait_for_death(journey)
    finally:
        worker.kill()


def _wait_for_death(journey: Journey) -> bool:
    give_up_at = time.monotonic() + DEATH_SECONDS
    while not journey.interrupted():
        if time.monotonic() > give_up_at:
            return False
        time.sleep(0.1)
    return True


def _check_names(results: Results) -> None:
    base = Path(settings.BASE_DIR)
    source = "".join(path.read_text() for app in APPS for path in (base / app).rglob("*.py"))
    there = set(re.findall(r'@(?:transactions\.)?transactional\("([^"]+)"\)', source))
    there |= {f"stripe.{name}" for name in re.findall(r'_stripe_call\("(\w+)"\)', source)}
    for name, *_ in (*TRANSACTIONS, *CALLS):
        results.expect(name in there, f"there is no crash point {name}")
