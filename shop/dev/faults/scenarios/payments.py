import time
from collections import Counter
from decimal import Decimal

from shop.dev.faults.books import PRICE_IN_CENTS
from shop.dev.faults.buyers import Buyer, at_once, new_key
from shop.dev.faults.money import check_money
from shop.dev.faults.scenarios.steps import Opened, deliver_at_once, events_of, open_orders
from shop.dev.faults.tally import Tally
from shop.dev.faults.world import ShopWorld, World
from shop.dev.stripe_simulator import ApiError

# Seconds of payments; the worker expires holds in the middle. A busy machine needs longer for a race.
PAYMENT_SECONDS = (6.0, 12.0, 24.0)


def late_success(world: World, tally: Tally) -> None:
    """A payment that succeeds after the cancellation or expiry, or races it, is refunded once."""
    count = world.size(20, 6)
    product = world.books.make_product(count)
    orders = open_orders(world, tally, product, count)
    late, racing = orders[: count // 2], orders[count // 2 :]
    world.stripe.deliver("off")
    # A worker would close the intents first.
    world.stop_workers()
    for number, order in enumerate(late):
        # Stripe does not know of it, so the payment succeeds.
        world.books.cancel_unnoticed(order.number, expired=bool(number % 2))
        world.stripe.pay(order.intent)
        (success,) = events_of(world, order.intent, "payment_intent.succeeded")
        deliver_at_once(world, tally, [success] * 5 + [world.stripe.twin(success["id"])] * 5)
    world.stripe.deliver()
    for order in racing:
        _race(world, tally, order)
    world.settle(tally)
    ends = {booked.number: booked for booked in world.books.orders()}
    for order in late:
        booked = ends[order.number]
        fine = (booked.status, booked.payment_status) == ("cancelled", "refunded")
        tally.expect(fine, f"{order.number}, paid too late, is {booked.status} and {booked.payment_status}")
    check_money(world, tally)


def _race(world: World, tally: Tally, order: Opened) -> None:
    def cancel() -> int:
        return order.buyer.cancel(order.number).status

    tally.attempt()
    paid, status = at_once([lambda: _pay(world, order), cancel])
    tally.expect(status == 200, f"a cancel was answered with {status}")
    tally.acknowledge(status == 200)
    tally.note(f"pay against cancel: the last race was won by {'the payment' if paid else 'the cancel'}")


def _pay(world: World, order: Opened) -> bool:
    try:
        return world.stripe.pay(order.intent)["status"] == "succeeded"
    except ApiError:
        # The intent was closed first.
        return False


def late_payment(world: World, tally: Tally) -> None:
    """When payments race the expiry of holds, each order is paid, or expired and keeps no money."""
    assert isinstance(world, ShopWorld)  # noqa: S101
    if not world.workers:
        world.start_workers()
    count = world.size(40, 8)
    for seconds in PAYMENT_SECONDS:
        sold = _pay_during_expiry(world, tally, count=count, seconds=seconds)
        if 0 < sold < count:
            break
    tally.expect(0 < sold < count, f"{sold} of {count} were sold: all races had the same winner")
    check_money(world, tally)


def _pay_during_expiry(world: ShopWorld, tally: Tally, *, count: int, seconds: float) -> int:
    """Return the number of orders that were paid before they expired."""
    product = world.books.make_product(count)
    orders = open_orders(world, tally, product, count)
    for order in orders:
        world.books.let_run_out(order.number)
    # Payments start before the worker's search and end after it.
    world.books.expire_in(seconds / 2)
    moments = {order.number: (number + world.random.random()) / count * seconds for number, order in enumerate(orders)}
    tally.attempt(count)

    def pay(order: Opened) -> bool:
        time.sleep(moments[order.number])
        return _pay(world, order)

    paid = at_once([lambda o=order: pay(o) for order in orders])
    world.settle(tally)
    ends = {booked.number: booked for booked in world.books.orders()}
    for order, is_paid in zip(orders, paid, strict=True):
        booked = ends[order.number]
        end = (booked.status, booked.payment_status)
        honest = [("completed", "paid"), ("cancelled", "refunded")] if is_paid else [("cancelled", "unpaid")]
        tally.expect(end in honest, f"{order.number}, {'paid' if is_paid else 'not paid'}, ended {end}")
        tally.acknowledge(end in honest)
    sold = sum(ends[order.number].status == "completed" for order in orders)
    left = world.books.stock(product)
    tally.expect(left == count - sold, f"{sold} of {count} were sold, but {left} are left")
    tally.note(f"pay against expiry: {sold} of the last {count} were sold, {sum(paid) - sold} paid and refunded")
    return sold


def refunds(world: World, tally: Tally) -> None:
    """When 20 refunds of 1.50 are requested at once for a payment of 10.00, six are made."""
    times, amount = 20, Decimal("1.50")
    product = world.books.make_product(10)
    (order,) = open_orders(world, tally, product, 1)
    world.stripe.pay(order.intent)
    world.settle(tally)
    staff = world.books.make_staff()
    askers = [Buyer(world.url, staff, tally) for _ in range(times)]
    tally.attempt(times)
    answers = at_once([lambda a=asker: a.refund(order.payment, str(amount), key=new_key()) for asker in askers])
    made = [answer for answer in answers if answer.status == 201]
    tally.acknowledge(len(made))
    others = Counter((answer.status, answer.code) for answer in answers if answer.status != 201)
    others.pop((409, "refund_too_large"), 0)
    tally.unexpected += [f"{count} responses {outcome}" for outcome, count in others.items()]
    fit = PRICE_IN_CENTS // int(amount * 100)
    tally.expect(len(made) == fit, f"{len(made)} refunds were acknowledged of {fit} that fit")
    world.settle(tally)
    check_money(world, tally)
