"""Money that comes too late, and money that goes back."""

from collections import Counter
from decimal import Decimal

from payments.simulator import ApiError
from shop.torture.books import PRICE_IN_CENTS
from shop.torture.buyers import Buyer, at_once, new_key
from shop.torture.money import check_money
from shop.torture.scenarios.steps import Opened, deliver_at_once, events_of, open_orders
from shop.torture.tally import Tally
from shop.torture.world import World


def late_success(world: World, tally: Tally) -> None:
    """A success that arrives after the cancel or the expiry, or races it, is refunded exactly once."""
    count = world.size(20, 6)
    product = world.books.make_product(count)
    orders = open_orders(world, tally, product, count)
    late, racing = orders[: count // 2], orders[count // 2 :]
    world.stripe.deliver("off")
    # A worker would close the intents before anybody can pay.
    world.stop_workers()
    for number, order in enumerate(late):
        # Cancelled, or run out, without Stripe having heard of it: then the shopper pays.
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
    """The shopper pays and cancels at the same moment: one of the two comes first."""

    def pay() -> bool:
        try:
            return world.stripe.pay(order.intent)["status"] == "succeeded"
        except ApiError:
            # The intent was closed first.
            return False

    def cancel() -> int:
        return order.buyer.cancel(order.number).status

    tally.attempt()
    paid, status = at_once([pay, cancel])
    tally.expect(status == 200, f"a cancel was answered with {status}")
    tally.acknowledge(status == 200)
    tally.note(f"pay against cancel: the last race was won by {'the payment' if paid else 'the cancel'}")


def refunds(world: World, tally: Tally) -> None:
    """Twenty refunds of 1.50 at once of a payment of 10.00: six go out, never more than was captured."""
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
    tally.unexpected += [f"{count} times the answer {outcome}" for outcome, count in others.items()]
    fit = PRICE_IN_CENTS // int(amount * 100)
    tally.expect(len(made) == fit, f"{len(made)} refunds were acknowledged of {fit} that fit")
    world.settle(tally)
    check_money(world, tally)
