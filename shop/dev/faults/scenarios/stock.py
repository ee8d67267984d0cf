from collections import Counter
from collections.abc import Callable

from shop.dev.faults.books import Booked
from shop.dev.faults.buyers import Answer, Buyer, at_once, side_by_side
from shop.dev.faults.money import check_orders
from shop.dev.faults.tally import Tally
from shop.dev.faults.world import World


def last_pieces(world: World, tally: Tally) -> None:
    """When 100 buyers race for the last 20 units, exactly 20 get one and 80 get 409."""
    buyers, pieces = world.size(100, 40), world.size(20, 8)
    product = world.books.make_product(pieces)
    booked = _race(world, tally, [[product]] * buyers, winners=pieces, refusal=(409, "out_of_stock"))
    _check_stock(world, tally, booked, product, pieces)


def opposite_carts(world: World, tally: Tally) -> None:
    """Concurrent orders of {A, B} and of {B, A} neither deadlock nor become half an order."""
    buyers, pieces = world.size(60, 20), world.size(30, 10)
    first, second = world.books.make_product(pieces), world.books.make_product(pieces)
    carts = [[first, second] if number % 2 else [second, first] for number in range(buyers)]
    booked = _race(world, tally, carts, winners=pieces, refusal=(409, "out_of_stock"))
    for order in booked:
        tally.expect(len(order.pieces) == 2, f"{order.number} is half an order: {order.pieces}")
    for product in (first, second):
        _check_stock(world, tally, booked, product, pieces)


def coupon(world: World, tally: Tally) -> None:
    """A coupon limited to N uses that 5 N buyers redeem at once is used exactly N times."""
    limit = world.size(20, 6)
    product = world.books.make_product(1000)
    code = f"ONLY{world.random.randrange(10**6)}"
    world.books.make_coupon(code, limit)

    def with_coupon(buyer: Buyer) -> None:
        answer = buyer.use_coupon(code)
        tally.expect(answer.status == 200, f"the coupon could not be put into a cart: {answer}")

    refusal = (400, "invalid_coupon")
    booked = _race(world, tally, [[product]] * (5 * limit), winners=limit, refusal=refusal, prepare=with_coupon)
    uses = world.books.coupon_uses(code)
    tally.expect(uses == limit, f"the coupon for {limit} was used {uses} times")
    _check_stock(world, tally, booked, product, 1000)


def _race(
    world: World,
    tally: Tally,
    carts: list[list[str]],
    *,
    winners: int,
    refusal: tuple[int, str],
    prepare: Callable[[Buyer], None] = lambda buyer: None,
) -> list[Booked]:
    """Check out all carts concurrently."""
    before = {order.number for order in world.books.orders()}
    buyers = world.buyers(len(carts), tally)

    def fill(buyer: Buyer, cart: list[str]) -> None:
        for product in cart:
            answer = buyer.add(product)
            tally.expect(answer.status == 201, f"a cart could not be filled: {answer}")
        prepare(buyer)

    side_by_side([lambda b=buyer, c=cart: fill(b, c) for buyer, cart in zip(buyers, carts, strict=True)])
    world.random.shuffle(buyers)
    tally.attempt(len(buyers))
    answers: list[Answer] = at_once([buyer.checkout for buyer in buyers])
    numbers = [answer.body["number"] for answer in answers if answer.status == 201]
    tally.acknowledge(len(numbers))
    outcomes = Counter((answer.status, answer.code) for answer in answers if answer.status != 201)
    tally.expect(len(numbers) == winners, f"{len(numbers)} of {winners} possible buyers won")
    refused = outcomes.pop(refusal, 0)
    tally.expect(refused == len(buyers) - winners, f"{refused} of {len(buyers) - winners} losers got {refusal}")
    tally.unexpected += [f"{count} responses {outcome}" for outcome, count in outcomes.items()]
    booked = [order for order in check_orders(world, tally, numbers) if order.number not in before]
    extra = len(booked) - len(numbers)
    tally.expect(extra <= 0, f"{extra} unacknowledged orders")
    return booked


def _check_stock(world: World, tally: Tally, booked: list[Booked], product: str, pieces: int) -> None:
    sold = sum(order.pieces.get(product, 0) for order in booked)
    left = world.books.stock(product)
    tally.expect(left == pieces - sold and left >= 0, f"{sold} of {pieces} were sold, but {left} are left")
