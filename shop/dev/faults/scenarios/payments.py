import time
from collections import Counter
from decimal import Decimal

from shop.dev.faults.buyers import Buyer, at_once, new_key
from shop.dev.faults.money import check_money
from shop.dev.faults.results import Results
from shop.dev.faults.scenarios.steps import Opened, deliver_at_once, events_of, open_orders
from shop.dev.faults.state import PRICE_IN_CENTS
from shop.dev.faults.world import ShopWorld, World
from shop.dev.stripe_simulator import ApiError

# Seconds of payments; the worker expires holds in the middle. A busy machine needs longer for a race.
PAYMENT_SECONDS = (6.0, 12.0, 24.0)


def late_success(world: World, results: Results) -> None:
    """A payment that succeeds after the cancellation or expiry, or races it, is refunded once."""
    count = world.size(20, 6)
    product = world.state.make_product(count)
    orders = open_orders(world, results, product, count)
    late, racing = orders[: count // 2], orders[count // 2 :]
    world.stripe.deliver("off")
    # A worker would close the intents first.
    world.stop_workers()
    for number, order in enumerate(late):
        # Stripe does not know of it, so the payment succeeds.
        world.state.cancel_locally(order.number, expired=bool(number % 2))
        world.stripe.pay(order.intent)
        (success,) = events_of(world, order.intent, "payment_intent.succeeded")
        deliver_at_once(world, results, [success] * 5 + [world.stripe.twin(success["id"])] * 5)
    world.stripe.deliver()
    for order in racing:
        _race(world, results, order)
    world.wait_until_idle(results)
    ends = {record.number: record for record in world.state.orders()}
    for order in late:
        record = ends[order.number]
        fine = (record.status, record.payment_status) == ("cancelled", "refunded")
        results.expect(fine, f"{order.number}, paid too late, is {record.status} and {record.payment_status}")
    check_money(world, results)


def _race(world: World, results: Results, order: Opened) -> None:
    def cancel() -> int:
        return order.buyer.cancel(order.number).status

    results.attempt()
    paid, status = at_once([lambda: _pay(world, order), cancel])
    results.expect(status == 200, f"a cancel was answered with {status}")
    results.acknowledge(status == 200)
    results.note(f"pay against cancel: the last race was won by {'the payment' if paid else 'the cancel'}")


def _pay(world: World, order: Opened) -> bool:
    try:
        return world.stripe.pay(order.intent)["status"] == "succeeded"
    except ApiError:
        # The intent was closed first.
        return False


def late_payment(world: World, results: Results) -> None:
    """When payments race the expiry of holds, each order is paid, or expired and keeps no money."""
    assert isinstance(world, ShopWorld)  # noqa: S101
    if not world.workers:
        world.start_workers()
    count = world.size(40, 8)
    for seconds in PAYMENT_SECONDS:
        sold = _pay_during_expiry(world, results, count=count, seconds=seconds)
        if 0 < sold < count:
            break
    results.expect(0 < sold < count, f"{sold} of {count} were sold: all races had the same winner")
    check_money(world, results)


def _pay_during_expiry(world: ShopWorld, results: Results, *, count: int, seconds: float) -> int:
    """Return the number of orders that were paid before they expired."""
    product = world.state.make_product(count)
    orders = open_orders(world, results, product, count)
    for order in orders:
        world.state.expire_hold(order.number)
    # Payments start before the worker's search and end after it.
    world.state.expire_in(seconds / 2)
    moments = {order.number: (number + world.random.random()) / count * seconds for number, order in enumerate(orders)}
    results.attempt(count)

    def pay(order: Opened) -> bool:
        time.sleep(moments[order.number])
        return _pay(world, order)

    paid = at_once([lambda o=order: pay(o) for order in orders])
    world.wait_until_idle(results)
    ends = {record.number: record for record in world.state.orders()}
    for order, is_paid in zip(orders, paid, strict=True):
        record = ends[order.number]
        end = (record.status, record.payment_status)
        honest = [("completed", "paid"), ("cancelled", "refunded")] if is_paid else [("cancelled", "unpaid")]
        results.expect(end in honest, f"{order.number}, {'paid' if is_paid else 'not paid'}, ended {end}")
        results.acknowledge(end in honest)
    sold = sum(ends[order.number].status == "completed" for order in orders)
    left = world.state.stock(product)
    results.expect(left == count - sold, f"{sold} of {count} were sold, but {left} are left")
    results.note(f"pay against expiry: {sold} of the last {count} were sold, {sum(paid) - sold} paid and refunded")
    return sold


def refunds(world: World, results: Results) -> None:
    """When 20 refunds of 1.50 are requested at once for a payment of 10.00, six are made."""
    times, amount = 20, Decimal("1.50")
    product = world.state.make_product(10)
    (order,) = open_orders(world, results, product, 1)
    world.stripe.pay(order.intent)
    world.wait_until_idle(results)
    staff = world.state.make_staff()
    askers = [Buyer(world.url, staff, results) for _ in range(times)]
    results.attempt(times)
    answers = at_once([lambda a=asker: a.refund(order.payment, str(amount), key=new_key()) for asker in askers])
    made = [answer for answer in answers if answer.status == 201]
    results.acknowledge(len(made))
    others = Counter((answer.status, answer.code) for answer in answers if answer.status != 201)
    others.pop((409, "refund_too_large"), 0)
    results.unexpected += [f"{count} responses {outcome}" for outcome, count in others.items()]
    fit = PRICE_IN_CENTS // int(amount * 100)
    results.expect(len(made) == fit, f"{len(made)} refunds were acknowledged of {fit} that fit")
    world.wait_until_idle(results)
    check_money(world, results)
