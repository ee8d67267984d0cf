import statistics
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from shop.dev.faults.buyers import Answer, Buyer, run_in_parallel
from shop.dev.faults.receiver import HOST, Receiver
from shop.dev.faults.results import Results
from shop.dev.faults.world import ShopWorld, World

WORKERS = 2
TYPES = ["order.*", "stock.*"]
# Of the time of placing an order, while deliveries fail; a busy machine varies more.
MOST_SLOWER = 2.0
SLOWER_ALLOWED_SECONDS = 0.1


def change_feed(world: World, results: Results) -> None:
    """A reader that polls the feed of 10,000 concurrent changes, while workers are killed, misses none and sees none
    twice."""
    assert isinstance(world, ShopWorld)  # noqa: S101
    count, products = world.size(10_000, 150), world.size(50, 5)
    variants = [world.state.variant_of(world.state.make_product(1_000)) for _ in range(products)]
    world.stop_workers()
    world.start_workers(WORKERS)
    # The stock that the products begin with.
    world.wait_until_idle(results)
    staff = world.state.make_staff()
    reader = Buyer(world.url, staff, results)
    start = reader.call("GET", "/changes/?after=latest").body["next_cursor"]
    results.attempt(count)
    accepted: Counter[str] = Counter()
    lock = threading.Lock()

    def change(number: int) -> None:
        variant = variants[number % products]
        answer = _local(staff, world.url, results).call("POST", f"/variants/{variant}/stock/", _ONE_MORE)
        with lock:
            accepted[variant] += answer.status == 200

    writers = threading.Thread(target=lambda: run_in_parallel([lambda n=n: change(n) for n in range(count)]))
    writers.start()
    seen: list[dict[str, Any]] = []
    cursor, kill_at = start, time.monotonic() + 0.5
    while writers.is_alive():
        page = reader.call("GET", f"/changes/?kinds=stock&limit=500&after={cursor}").body
        seen += page["results"]
        cursor = page["next_cursor"]
        world.progress(min(len(seen), count), count)
        if time.monotonic() > kill_at:
            world.random.choice(world.workers).kill()
            world.restart_dead_processes()
            kill_at = time.monotonic() + world.random.uniform(0.5, 3)
    writers.join()
    world.state.expire_leases()
    world.wait_until_idle(results)
    more = True
    while more:
        page = reader.call("GET", f"/changes/?kinds=stock&limit=500&after={cursor}").body
        seen, cursor, more = [*seen, *page["results"]], page["next_cursor"], page["has_more"]
    found = Counter(row["id"] for row in seen)
    for variant in variants:
        if found[variant] < accepted[variant]:
            results.lost.append(f"{accepted[variant] - found[variant]} changes of {variant}")
        elif found[variant] > accepted[variant]:
            results.duplicated.append(f"{found[variant] - accepted[variant]} changes of {variant}")
    sequences = [row["sequence"] for row in seen]
    results.expect(sequences == sorted(set(sequences)), "the feed is not in the order of its sequence")
    results.acknowledge(len(seen))


def outgoing_webhooks(world: World, results: Results) -> None:
    """While workers are killed and endpoints hang, redirect, answer 500 or resolve to 127.0.0.1, each change reaches
    the others at least once and in order per object, and orders take no longer."""
    assert isinstance(world, ShopWorld)  # noqa: S101
    receiver = Receiver()
    try:
        _outgoing(world, results, receiver)
    finally:
        receiver.close()


def _outgoing(world: ShopWorld, results: Results, receiver: Receiver) -> None:
    product = world.state.make_product(100_000)
    count = world.size(300, 12)
    # This machine is a private network, of which only the receiver's address is allowed.
    allowed = {"WEBHOOK_PRIVATE_NETWORKS": f"{HOST}/32"}
    world.stop_workers()
    world.start_workers(WORKERS, **allowed)
    usual = _place(world, results, product, count)
    staff = Buyer(world.url, world.state.make_staff(), results)
    endpoints = {
        path: staff.call("POST", "/webhook-endpoints/", {"url": url, "types": TYPES}).body["id"]
        for path, url in {
            **{path: receiver.url(path) for path in ("/good", "/fails", "/redirects", "/hangs")},
            "/refused": receiver.url("/refused", host="localhost"),
        }.items()
    }
    placed: list[float] = []
    placing = threading.Thread(target=lambda: placed.extend(_place(world, results, product, count)))
    placing.start()
    while placing.is_alive():
        time.sleep(world.random.uniform(0.3, 1.2))
        world.random.choice(world.workers).kill()
        world.restart_dead_processes()
    placing.join()
    receiver.recover()
    for path in ("/redirects", "/hangs", "/refused"):
        staff.call("DELETE", f"/webhook-endpoints/{endpoints[path]}/")
    world.state.expire_leases()
    world.wait_until_idle(results)

    changes = world.state.changes("order", "stock")
    for path in ("/good", "/fails"):
        _check(results, path, changes, receiver.accepted[path])
    results.expect(not receiver.asked["/elsewhere"], "a redirect was followed")
    results.expect(not receiver.asked["/refused"], "a message was sent to 127.0.0.1")
    before, after = statistics.median(usual), statistics.median(placed)
    results.note(f"placing an order: {before * 1000:.0f} ms without endpoints, {after * 1000:.0f} ms with failing ones")
    results.expect(
        after <= before * MOST_SLOWER + SLOWER_ALLOWED_SECONDS, f"orders took {after:.2f} s, not {before:.2f}"
    )
    results.acknowledge(len(changes))


def _place(world: World, results: Results, product: str, count: int) -> list[float]:
    """Return the seconds of each order."""

    def buy(buyer: Buyer) -> Answer:
        buyer.add(product)
        answer = buyer.checkout()
        results.expect(answer.status == 201, f"an order was answered with {answer.status} {answer.code}")
        return answer

    results.attempt(count)
    return [
        each.seconds for each in run_in_parallel([lambda b=b: buy(b) for b in world.buyers(count, results)], threads=4)
    ]


def _check(
    results: Results, path: str, changes: Sequence[tuple[int, str, str]], accepted: Sequence[dict[str, Any]]
) -> None:
    """``changes`` are sequences, types and objects, of which the endpoint receives those after its first one."""
    arrived = {message["sequence"] for message in accepted}
    first = min(arrived, default=0)
    results.expect(accepted, f"{path} received nothing")
    for sequence, change_type, object_id in changes:
        if sequence >= first and sequence not in arrived:
            results.lost.append(f"{path}: {sequence} {change_type} {object_id}")
    objects = {sequence: object_id for sequence, _, object_id in changes}
    by_object: defaultdict[str, list[int]] = defaultdict(list)
    for message in accepted:
        by_object[objects.get(message["sequence"], "unknown")].append(message["sequence"])
    for object_id, sequences in by_object.items():
        # A repeated message may come late.
        firsts = list(dict.fromkeys(sequences))
        results.expect(firsts == sorted(firsts), f"{path}: {object_id} out of order")
    results.note(f"{path[1:]}: {len(accepted)} messages about {len(arrived)} changes")


_ONE_MORE = {"delta": 1, "reason": "correction"}
_clients = threading.local()


def _local(staff: Any, url: str, results: Results) -> Buyer:
    """Return the thread's own client."""
    known = getattr(_clients, "buyer", None)
    if known is None or known.url != url or known.person != staff:
        known = _clients.buyer = Buyer(url, staff, results)
    return known
