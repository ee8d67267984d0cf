"""An unanswered step is repeated with its key; :func:`check` compares acknowledged ones with the database."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from shop.dev.faults.buyers import Answer, Buyer, new_key, run_in_parallel
from shop.dev.faults.money import check_money
from shop.dev.faults.results import Results
from shop.dev.faults.state import OrderRecord
from shop.dev.faults.world import World
from shop.dev.stripe_simulator import ApiError

# Steps after the order is placed.
KINDS = {
    "order": [],
    "purchase": ["open", "pay", "see_paid"],
    "refund": ["open", "pay", "see_paid", "refund", "see_refunded"],
    "return": ["open", "pay", "see_paid", "withdraw", "approve", "see_released"],
    "cancel": ["open", "cancel"],
    "cancel_paid": ["open", "pay", "cancel", "see_released"],
    "expiry": ["open", "see_expired"],
}
ENDS = {
    "order": {("pending", "unpaid"), ("cancelled", "unpaid")},
    "purchase": {("completed", "paid")},
    "refund": {("completed", "partially_refunded")},
    "return": {("completed", "refunded")},
    "cancel": {("cancelled", "unpaid")},
    "cancel_paid": {("cancelled", "refunded")},
    "expiry": {("cancelled", "unpaid")},
}


class Journey:
    """Not thread-safe."""

    def __init__(self, kind: str, world: World, buyer: Buyer, product: str, *, staff: Buyer | None = None) -> None:
        self.kind, self.world, self.buyer, self.product, self.staff = kind, world, buyer, product, staff
        self.results = buyer.results
        self.number = self.intent = self.payment = self.returned = ""
        # Out of stock or expired: a correct end.
        self.ended_early = False
        self.slowest = 0.0
        # Seconds to poll for background work.
        self.patience = 0.0
        # Whether a process died, so that waiting is useless.
        self.interrupted: Callable[[], bool] = lambda: False
        self._keys: dict[str, str] = defaultdict(new_key)
        self._left = ["fill", "checkout", *KINDS[kind]]
        self.results.attempt()

    @property
    def is_finished(self) -> bool:
        return not self._left or self.ended_early

    @property
    def next_step(self) -> str:
        return "" if self.is_finished else self._left[0]

    def go(self) -> bool:
        """Return whether the journey is finished."""
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
            self.results.unexpected.append(
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
        self.results.acknowledge(bool(self.number))
        return True

    def _open(self) -> bool:
        answer = self.buyer.open_payment(self.number, key=self._keys["open"])
        if answer.code == "order_not_payable":
            return self._end_early("the order was not payable")
        if not self._definite(answer, 200, 201):
            return False
        self.intent, self.payment = answer.body.get("payment_intent", ""), answer.body.get("id", "")
        return True

    def _pay(self) -> bool:
        try:
            self.world.stripe.pay(self.intent)
        except ApiError as error:
            return self._end_early(f"Stripe refused the payment: {error}")
        return True

    def _end_early(self, what: str) -> bool:
        order = self.buyer.order(self.number)
        if not order.is_definite:
            return False
        over = [entry for entry in order.body.get("timeline", []) if entry["event"] == "expired"]
        if expires_at := order.body.get("expires_at"):
            over = over or datetime.fromisoformat(expires_at) <= datetime.now(UTC)
        self.results.expect(over, f"{self.kind} {self.number}: {what}, but its hold has not expired")
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

    def _withdraw(self) -> bool:
        """Withdraw from the whole order, which is not shipped."""
        order = self.buyer.order(self.number)
        if not self._definite(order, 200):
            return False
        answer = self.buyer.withdraw(order.body, key=self._keys["withdraw"])
        if not self._definite(answer, 201):
            return False
        self.returned = answer.body.get("id", "")
        self.results.acknowledge(bool(self.returned))
        return True

    def _approve(self) -> bool:
        assert self.staff is not None  # noqa: S101
        answer = self.staff.approve(self.number, self.returned)
        # An unanswered call may have approved it.
        return answer.code == "return_not_open" or self._definite(answer, 200)

    def _see_paid(self) -> bool:
        return self._see("payment_status", "paid", "partially_refunded", "refunded")

    def _see_refunded(self) -> bool:
        return self._see("payment_status", "partially_refunded")

    def _see_released(self) -> bool:
        return self._see("payment_status", "refunded")

    def _see_expired(self) -> bool:
        return self._see("status", "cancelled")

    def _see(self, name: str, *wanted: str) -> bool:
        give_up_at = time.monotonic() + self.patience
        while True:
            answer = self.buyer.order(self.number)
            if answer.status == 404:
                self.results.lost.append(f"the acknowledged order {self.number}")
                self.ended_early = True
                return True
            if answer.status == 200 and answer.body[name] in wanted:
                return True
            if time.monotonic() > give_up_at or self.interrupted():
                return False
            time.sleep(0.1)


def finish(world: World, journeys: Sequence[Journey], *, seconds: float, threads: int = 8) -> None:
    give_up_at = time.monotonic() + seconds
    while (left := [journey for journey in journeys if not journey.is_finished]) and time.monotonic() < give_up_at:
        world.progress(len(journeys) - len(left), len(journeys))
        world.restart_dead_processes()
        for journey in left:
            journey.interrupted, journey.patience = (lambda: False), 0.0
        run_in_parallel([journey.go for journey in left], threads=threads)
        time.sleep(0.5)
    for journey in journeys:
        journey.results.expect(
            journey.is_finished, f"{journey.kind} {journey.number} did not get beyond {journey.next_step} in time"
        )


def check(world: World, results: Results, journeys: Sequence[Journey]) -> None:
    by_buyer: dict[str, list[OrderRecord]] = defaultdict(list)
    for record in world.state.orders():
        by_buyer[record.buyer].append(record)
    for journey in journeys:
        mine = by_buyer.pop(journey.buyer.person.id, [])
        if journey.number and journey.number not in [record.number for record in mine]:
            results.lost.append(f"the acknowledged order {journey.number}")
        if len(mine) > 1:
            results.duplicated.append(f"one checkout of a {journey.kind} became {len(mine)} orders")
        for record in mine:
            _check_end(journey, record)
    for strays in by_buyer.values():
        results.unexpected.append(f"orders without a journey: {strays}")
    _check_stock(world, results, {journey.product for journey in journeys})
    check_money(world, results)


def _check_end(journey: Journey, record: OrderRecord) -> None:
    end = (record.status, record.payment_status)
    ends = ENDS[journey.kind]
    if journey.ended_early or not journey.is_finished:
        # Only the money is compared.
        return
    journey.results.expect(end in ends, f"{journey.kind} {record.number} ended {end}, not {ends}")


def _check_stock(world: World, results: Results, products: set[str]) -> None:
    held: Counter[str] = Counter()
    for record in world.state.orders():
        if record.status != "cancelled":
            held.update(record.pieces)
    for product in products:
        left, came = world.state.stock(product), world.state.initial[product]
        results.expect(left == came - held[product], f"{held[product]} of {came} are held, but {left} are left")
