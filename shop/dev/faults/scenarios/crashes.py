import re
import time
from pathlib import Path

from django.conf import settings

from shop.dev.faults.buyers import Buyer
from shop.dev.faults.errands import Errand, check, finish
from shop.dev.faults.tally import Tally
from shop.dev.faults.world import ShopWorld, Worker, World, server_pids

# Seconds to reach the point.
DEATH_SECONDS = 25.0
# Leases and claims expire after a minute.
CLAIM_SECONDS = 62.0
FINISH_SECONDS = 240.0

# Transaction, errand that reaches it, process to kill. Others run inside one of these.
TRANSACTIONS = [
    ("cart.create", "purchase", "server"),
    ("orders.place", "purchase", "server"),
    ("payments.create", "purchase", "server"),
    ("payments.apply_intent", "purchase", "server"),
    ("payments.apply_event", "purchase", "server"),
    ("jobs.work", "purchase", "worker"),
    ("orders.cancel", "cancel", "server"),
    ("payments.apply_intent", "cancel", "server"),
    ("orders.cancel", "cancel_paid", "server"),
    ("orders.expire", "expiry", "worker"),
    ("payments.apply_intent", "expiry", "worker"),
    ("payments.refund", "refund", "server"),
    ("payments.apply_refund", "refund", "server"),
    ("payments.reserve_refund", "late", "server"),
    ("payments.apply_refund", "late", "server"),
]
CALLS = [
    ("stripe.create_intent", "purchase", "server"),
    ("stripe.cancel_intent", "cancel", "server"),
    ("stripe.retrieve_intent", "cancel_paid", "server"),
    ("stripe.create_refund", "cancel_paid", "server"),
    ("stripe.cancel_intent", "expiry", "worker"),
    ("stripe.create_refund", "refund", "server"),
    ("stripe.list_refunds", "refund", "worker"),
    ("stripe.create_refund", "late", "server"),
]
APPS = ("accounts", "cart", "catalog", "orders", "payments", "shop")
CRASH_POINTS = [
    *((f"{name}:{when}", *rest) for name, *rest in TRANSACTIONS for when in ("begin", "before_commit", "after_commit")),
    *((f"{name}:{when}", *rest) for name, *rest in CALLS for when in ("before", "after")),
]


def crash_points(world: World, tally: Tally) -> None:
    """A process killed at any point of a transaction or a Stripe call does not change how an errand ends."""
    assert isinstance(world, ShopWorld)  # noqa: S101
    _check_names(tally)
    product = world.books.make_product(1000)
    staff = Buyer(world.url, world.books.make_staff(), tally)
    world.stop_workers()
    places = world.random.sample(CRASH_POINTS, 2) if world.short else CRASH_POINTS
    errands = []
    for done, (place, kind, victim) in enumerate(places):
        world.progress(done, len(places))
        # An earlier errand's deliveries must not trigger this kill.
        world.stripe.wait_until_settled(3)
        (person,) = world.books.make_people(1)
        errand_kind = "cancel_paid" if kind == "late" else kind
        errand = Errand(errand_kind, world, Buyer(world.url, person, tally), product, staff=staff)
        errands.append(errand)
        killed = (_kill_server if victim == "server" else _kill_worker)(world, errand, place, late=kind == "late")
        tally.expect(killed, f"no process was killed at {place} during a {kind}")
    world.start_server()
    world.start_workers(2)
    if world.short:
        world.books.let_a_minute_pass()
    else:
        time.sleep(CLAIM_SECONDS)
    finish(world, errands, seconds=FINISH_SECONDS)
    world.settle(tally)
    check(world, tally, errands)
    tally.note(f"crash points: {len(places)}")


def _kill_server(world: ShopWorld, errand: Errand, place: str, *, late: bool) -> bool:
    """Return whether the server died at ``place``."""
    world.start_server(processes=1, CRASH_AT=place)
    alive = server_pids(world.server.pid)
    errand.interrupted = lambda: server_pids(world.server.pid) != alive
    errand.patience = DEATH_SECONDS
    if late:
        _cancel_unnoticed(world, errand)
    elif errand.kind == "cancel_paid":
        # The cancel must arrive before the payment.
        world.stripe.deliver("hold", types=["payment_intent.succeeded"])
    errand.go()
    died = _wait_for_death(errand)
    world.stripe.deliver()
    world.stripe.release()
    return died


def _cancel_unnoticed(world: ShopWorld, errand: Errand) -> None:
    """Leave the intent open, so that the payment succeeds."""
    while errand.next_step in ("fill", "checkout", "open"):
        if not errand.step():
            return
    world.books.cancel_unnoticed(errand.number, expired=False)


def _kill_worker(world: ShopWorld, errand: Errand, place: str, *, late: bool = False) -> bool:
    """Return whether a worker died at ``place``."""
    world.start_server(processes=1)
    worker = Worker(log=world.folder / "worker-killed.log", environment={**world.environment, "CRASH_AT": place})
    errand.interrupted = lambda: not worker.is_alive
    if errand.kind == "expiry":
        while errand.next_step in ("fill", "checkout", "open") and errand.step():
            pass
        world.books.let_run_out(errand.number)
    worker.start()
    try:
        errand.patience = DEATH_SECONDS
        errand.go()
        return _wait_for_death(errand)
    finally:
        worker.kill()


def _wait_for_death(errand: Errand) -> bool:
    give_up_at = time.monotonic() + DEATH_SECONDS
    while not errand.interrupted():
        if time.monotonic() > give_up_at:
            return False
        time.sleep(0.1)
    return True


def _check_names(tally: Tally) -> None:
    base = Path(settings.BASE_DIR)
    source = "".join(path.read_text() for app in APPS for path in (base / app).rglob("*.py"))
    there = set(re.findall(r'@(?:transactions\.)?transactional\("([^"]+)"\)', source))
    there |= {f"stripe.{name}" for name in re.findall(r'_stripe_call\("(\w+)"\)', source)}
    for name, *_ in (*TRANSACTIONS, *CALLS):
        tally.expect(name in there, f"there is no crash point {name}")
