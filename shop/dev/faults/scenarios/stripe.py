import threading
from typing import Any

from django.db import connections
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from shop.dev.faults.buyers import PROMISED_SECONDS, Answer, Buyer, at_once, new_key
from shop.dev.faults.money import check_money
from shop.dev.faults.results import Results
from shop.dev.faults.scenarios.steps import Opened, open_orders, open_until_answered
from shop.dev.faults.world import ShopWorld, World

OUTAGES: list[dict[str, Any]] = [
    {"kind": "refuse"},
    {"kind": "black_hole"},
    {"kind": "black_hole", "acts": True},
    {"kind": "rate_limit"},
    {"kind": "server_error", "stored": False},
    {"kind": "server_error", "stored": True, "acts": True},
    {"kind": "garbage"},
    {"kind": "lose_answer"},
]
ORDERS = 4
# Longer than transactions take, shorter than an unanswered call.
TRANSACTION_SECONDS = 2.0


def stripe_away(world: World, results: Results) -> None:
    """Whatever Stripe does, replies take at most 10 s, no transaction waits for it, no intent or refund is repeated."""
    assert isinstance(world, ShopWorld)  # noqa: S101
    outages = OUTAGES[-1:] if world.short else OUTAGES
    slowest = 0.0
    for number, outage in enumerate(outages):
        world.progress(number, len(outages))
        slowest = max(slowest, _one_outage(world, results, outage))
    world.wait_until_idle(results)
    check_money(world, results)
    results.note(f"slowest reply: {slowest:.1f} s")
    results.expect(slowest <= PROMISED_SECONDS, f"a reply took {slowest:.1f} s")


def _one_outage(world: ShopWorld, results: Results, outage: dict[str, Any]) -> float:
    """Use payments during the outage; return the slowest reply's seconds."""
    product = world.state.make_product(100)
    paid = open_orders(world, results, product, ORDERS)
    to_cancel = open_orders(world, results, product, ORDERS)
    for order in paid:
        world.stripe.pay(order.intent)
    world.wait_until_idle(results)
    staff = Buyer(world.url, world.state.make_staff(), results)
    buyers = world.buyers(ORDERS, results)
    unpaid = []
    for buyer in buyers:
        buyer.add(product)
        unpaid.append(buyer.checkout().body["number"])

    world.stripe.fail(**outage, method="POST")
    watch = _TransactionWatch()
    with watch:
        # Twice per order.
        answers = at_once(
            [lambda b=b, n=n: b.twin().open_payment(n) for b, n in zip(buyers, unpaid, strict=True) for _ in "ab"]
            + [lambda o=order: _refund(staff, o) for order in paid]
            + [lambda o=order: o.buyer.cancel(o.number) for order in to_cancel]
        )
    world.stripe.clear_faults()
    results.attempt(len(answers))
    results.acknowledge(sum(answer.status in (200, 201) for answer in answers))
    refunds = [answer.body["id"] for answer in answers[2 * ORDERS : 3 * ORDERS] if answer.status == 201]
    for answer in answers:
        fine = answer.status in (200, 201, 503) or answer.code == "request_in_progress"
        results.expect(fine, f"during {outage} the answer was {answer}")
    results.expect(not watch.error, f"the transactions were not watched: {watch.error}")
    results.expect(not watch.found, f"during {outage} a transaction was open for {watch.found:.1f} s")

    for buyer, number in zip(buyers, unpaid, strict=True):
        again = open_until_answered(buyer, number)
        results.expect(again.status in (200, 201), f"after {outage} a payment was answered with {again}")
        if again.status in (200, 201):
            world.stripe.pay(again.body["payment_intent"])
    for order in to_cancel:
        order.buyer.cancel(order.number)
        status = order.buyer.order(order.number).body["status"]
        results.expect(status == "cancelled", f"after {outage} {order.number} could not be cancelled: {status}")
    world.wait_until_idle(results)
    sent = {refund["metadata"].get("refund") for refund in world.stripe.state()["refunds"]}
    lost = [refund for refund in refunds if refund not in sent]
    results.lost += [f"the acknowledged refund {refund} after {outage}" for refund in lost]
    return max(answer.seconds for answer in answers)


def _refund(staff: Buyer, order: Opened) -> Answer:
    return staff.twin().refund(order.payment, "4.00", key=new_key())


class _TransactionWatch:
    """``found``: the longest transaction in seconds."""

    def __init__(self) -> None:
        self.found = 0.0
        self._stopping = threading.Event()
        self.error = ""
        # `$currentOp` supports no other.
        self._admin = connections["default"].connection.admin.with_options(read_concern=ReadConcern("local"))
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        pipeline = [
            {"$currentOp": {"allUsers": True, "idleSessions": True}},
            {"$match": {"transaction.timeOpenMicros": {"$gt": TRANSACTION_SECONDS * 1e6}}},
        ]
        try:
            while not self._stopping.wait(0.3):
                for session in self._admin.aggregate(pipeline):
                    self.found = max(self.found, int(session["transaction"]["timeOpenMicros"]) / 1e6)
        except PyMongoError as error:
            self.error = str(error)

    def __enter__(self) -> "_TransactionWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(30)
