"""Purchases and the like through crashes and outages.

An unanswered step is repeated with its key; :func:`check` compares acknowledged ones with the database.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from shop.dev.faults.books import Booked
from shop.dev.faults.buyers import Answer, Buyer, new_key, side_by_side
from shop.dev.faults.money import check_money
from shop.dev.faults.tally import Tally
from shop.dev.faults.world import World
from shop.dev.stripe_simulator import ApiError

# Steps after the order is placed.
KINDS = {
    "order": [],
    "purchase": ["open", "pay", "see_paid"],
    "refund": ["open", "pay", "see_paid", "refund", "see_refunded"],
    "cancel": ["open", "cancel"],
    "cancel_paid": ["open", "pay", "cancel", "see_given_back"],
    "expiry": ["open", "see_expired"],
}
ENDS = {
    "order": {("pending", "unpaid"), ("cancelled", "unpaid")},
    "purchase": {("completed", "paid")},
    "refund": {("completed", "partially_refunded")},
    "cancel": {("cancelled", "unpaid")},
    "cancel_paid": {("cancelled", "refunded")},
    "expiry": {("cancelled", "unpaid")},
}


class Errand:
    """Not thread-safe."""

    def __init__(self, kind: str, world: World, buyer: Buyer, product: str, *, staff: Buyer | None = None) -> None:
        self.kind, self.world, self.buyer, self.product, self.staff = kind, world, buyer, product, staff
        self.tally = buyer.tally
        self.number = self.intent = self.payment = ""
        # Out of stock or expired: a correct end.
        self.ended_early = False
        self.slowest = 0.0
        # Seconds to poll for background work.
        self.patience = 0.0
        # Whether a process died, so that waiting is useless.
        self.interrupted: Callable[[], bool] = lambda: False
        self._keys: dict[str, str] = defaultdict(new_key)
        self._left = ["fill", "checkout", *KINDS[kind]]
        self.tally.attempt()

    @property
    def is_finished(self) -> bool:
        return not self._left or self.ended_early

    @property
    def next_step(self) -> str:
        return "" if self.is_finished else self._left[0]

    def go(self) -> bool:
        """Continue to the end or an unanswered step; return whether it is finished."""
        while not self.is_finished and not self.interrupted():
            if not self.step():
                break
        return self.is_finished

    def step(self) -> bool:
        done = getattr(self, f"_{self._left[0]}")()
        if done and not self.ended_early:
            self._left.pop(0)
        return done

    def _definite(self, answer: Answer, *good: int) -> bool:
        """Return whether the answer is ``good``; end on another definite one."""
        self.slowest = max(self.slowest, answer.seconds)
        if not answer.is_definite:
            return False
        if answer.status not in good:
            self.tally.unexpected.append(
                f"{self.kind} {self.number}: {self._left[0]} was answered with {answer.status} {answer.code}"
            )
            self.ended_early = True
        return True

    def _fill(self) -> bool:
        cart = self.buyer.call("GET", "/cart/")
        # An unanswered call may have added the item.
        if cart.status == 200 and cart.body["items"]:
            return True
        return self._definite(cart, 200) and self._definite(self.buyer.add(self.product), 201)

    def _checkout(self) -> bool:
        answer = self.buyer.checkout(key=self._keys["checkout"])
        if not self._definite(answer, 201):
            return False
        self.number = answer.body.get("number", "")
        self.tally.acknowledge(bool(self.number))
        return True

    def _open(self) -> bool:
        answer = self.buyer.open_payment(self.number, key=self._keys["open"])
        if answer.code == "order_not_payable":
            return self._run_out("the order was not payable")
        if not self._definite(answer, 200, 201):
            return False
        self.intent, self.payment = answer.body.get("payment_intent", ""), answer.body.get("id", "")
        return True

    def _pay(self) -> bool:
        try:
            self.world.stripe.pay(self.intent)
        except ApiError as error:
            return self._run_out(f"Stripe refused the payment: {error}")
        return True

    def _run_out(self, what: str) -> bool:
        order = self.buyer.order(self.number)
        if not order.is_definite:
            return False
        over = [entry for entry in order.body.get("timeline", []) if entry["event"] == "expired"]
        if expires_at := order.body.get("expires_at"):
            # The worker may not have expired it yet.
            over = over or datetime.fromisoformat(expires_at) <= datetime.now(UTC)
        self.tally.expect(over, f"{self.kind} {self.number}: {what}, but its hold has not expired")
        self.ended_early = True
        return True

    def _cancel(self) -> bool:
        answer = self.buyer.cancel(self.number)
        if answer.code == "order_not_cancellable":
            # An unanswered call or the expiry may be first.
            return self._see("status", "cancelled")
        return self._definite(answer, 200)

    def _refund(self) -> bool:
        assert self.staff is not None  # noqa: S101
        return self._definite(self.staff.refund(self.payment, "3.00", key=self._keys["refund"]), 201)

    def _see_paid(self) -> bool:
        return self._see("payment_status", "paid", "partially_refunded", "refunded")

    def _see_refunded(self) -> bool:
        return self._see("payment_status", "partially_refunded")

    def _see_given_back(self) -> bool:
        return self._see("payment_status", "refunded")

    def _see_expired(self) -> bool:
        return self._see("status", "cancelled")

    def _see(self, name: str, *wanted: str) -> bool:
        give_up_at = time.monotonic() + self.patience
        while True:
            answer = self.buyer.order(self.number)
            if answer.status == 404:
                self.tally.lost.append(f"the acknowledged order {self.number}")
                self.ended_early = True
                return True
            if answer.status == 200 and answer.body[name] in wanted:
                return True
            if time.monotonic() > give_up_at or self.interrupted():
                return False
            time.sleep(0.1)


def finish(world: World, errands: Sequence[Errand], *, seconds: float, threads: int = 8) -> None:
    """Continue all errands until time runs out."""
    give_up_at = time.monotonic() + seconds
    while (left := [errand for errand in errands if not errand.is_finished]) and time.monotonic() < give_up_at:
        world.progress(len(errands) - len(left), len(errands))
        world.revive()
        for errand in left:
            errand.interrupted, errand.patience = (lambda: False), 0.0
        side_by_side([errand.go for errand in left], threads=threads)
        time.sleep(0.5)
    for errand in errands:
        errand.tally.expect(
            errand.is_finished, f"{errand.kind} {errand.number} did not get beyond {errand.next_step} in time"
        )


def check(world: World, tally: Tally, errands: Sequence[Errand]) -> None:
    """Check that nothing is lost or happened twice."""
    by_buyer: dict[str, list[Booked]] = defaultdict(list)
    for booked in world.books.orders():
        by_buyer[booked.buyer].append(booked)
    for errand in errands:
        mine = by_buyer.pop(errand.buyer.person.id, [])
        if errand.number and errand.number not in [booked.number for booked in mine]:
            tally.lost.append(f"the acknowledged order {errand.number}")
        if len(mine) > 1:
            tally.duplicated.append(f"one checkout of a {errand.kind} became {len(mine)} orders")
        for booked in mine:
            _check_end(errand, booked)
    for strays in by_buyer.values():
        tally.unexpected.append(f"orders without an errand: {strays}")
    _check_stock(world, tally, {errand.product for errand in errands})
    check_money(world, tally)


def _check_end(errand: Errand, booked: Booked) -> None:
    end = (booked.status, booked.payment_status)
    ends = ENDS[errand.kind]
    if errand.ended_early or not errand.is_finished:
        # Only the money is compared.
        return
    errand.tally.expect(end in ends, f"{errand.kind} {booked.number} ended {end}, not {ends}")


def _check_stock(world: World, tally: Tally, products: set[str]) -> None:
    held: Counter[str] = Counter()
    for booked in world.books.orders():
        if booked.status != "cancelled":
            held.update(booked.pieces)
    for product in products:
        left, came = world.books.stock(product), world.books.initial[product]
        tally.expect(left == came - held[product], f"{held[product]} of {came} are held, but {left} are left")
