from collections import Counter
from collections.abc import Callable

from shop.dev.faults.buyers import Answer, Buyer, at_once, run_in_parallel
from shop.dev.faults.money import check_orders
from shop.dev.faults.results import Results
from shop.dev.faults.state import OrderRecord
from shop.dev.faults.world import World


def last_pieces(world: World, results: Results) -> None:
    """When 100 buyers race for the last 20 units, exactly 20 get one and 80 get 409."""
    buyers, pieces = world.size(100, 40), world.size(20, 8)
    product = world.state.make_product(pieces)
    orders = _race(world, results, [[product]] * buyers, winners=pieces, refusal=(409, "out_of_stock"))
    _check_stock(world, results, orders, product, pieces)


def opposite_carts(world: World, results: Results) -> None:
    """Concurrent orders of {A, B} and of {B, A} neither deadlock nor become half an order."""
    buyers, pieces = world.size(60, 20), world.size(30, 10)
    first, second = world.state.make_product(pieces), world.state.make_product(pieces)
    carts = [[first, second] if number % 2 else [second, first] for number in range(buyers)]
    orders = _race(world, results, carts, winners=pieces, refusal=(409, "out_of_stock"))
    for order in orders:
        results.expect(len(order.pieces) == 2, f"{order.number} is half an order: {order.pieces}")
    for product in (first, second):
        _check_stock(world, results, orders, product, pieces)


def back_orders(world: World, results: Results) -> None:
    """A variant sells exactly its stock and its limit of back-orders, and orders name what is owed."""
    pieces, limit = world.size(10, 4), world.size(20, 6)
    product, always = world.state.make_product(pieces), world.state.make_product(0)
    world.state.set_stock_policy(product, "backorder", limit=limit)
    world.state.set_stock_policy(always, "untracked")
    buyers = 3 * (pieces + limit)
    carts = [[product, always] if number % 2 else [always, product] for number in range(buyers)]
    orders = _race(world, results, carts, winners=pieces + limit, refusal=(409, "out_of_stock"))
    sold = sum(order.pieces.get(product, 0) for order in orders)
    left, owed = world.state.stock(product), world.state.backordered(product)
    results.expect(left == pieces - sold == -limit, f"{sold} of {pieces} and {limit} were sold, but {left} are left")
    results.expect(owed == limit, f"{limit} units are missing, but orders name {owed} on back-order")
    results.expect(world.state.stock(always) == -sold, f"{sold} orders took {-world.state.stock(always)} units")


def coupon(world: World, results: Results) -> None:
    """A coupon limited to N uses that 5 N buyers redeem at once is used exactly N times."""
    limit = world.size(20, 6)
    product = world.state.make_product(1000)
    code = f"ONLY{world.random.randrange(10**6)}"
    world.state.make_coupon(code, limit)

    def with_coupon(buyer: Buyer) -> None:
        answer = buyer.use_coupon(code)
        results.expect(answer.status == 200, f"the coupon could not be put into a cart: {answer}")

    refusal = (400, "invalid_coupon")
    orders = _race(world, results, [[product]] * (5 * limit), winners=limit, refusal=refusal, prepare=with_coupon)
    uses = world.state.coupon_uses(code)
    results.expect(uses == limit, f"the coupon for {limit} was used {uses} times")
    _check_stock(world, results, orders, product, 1000)


def _race(
    world: World,
    results: Results,
    carts: list[list[str]],
    *,
    winners: int,
    refusal: tuple[int, str],
    prepare: Callable[[Buyer], None] = lambda buyer: None,
) -> list[OrderRecord]:
    before = {order.number for order in world.state.orders()}
    buyers = world.buyers(len(carts), results)

    def fill(buyer: Buyer, cart: list[str]) -> None:
        for product in cart:
            answer = buyer.add(product)
            results.expect(answer.status == 201, f"a cart could not be filled: {answer}")
        prepare(buyer)

    run_in_parallel([lambda b=buyer, c=cart: fill(b, c) for buyer, cart in zip(buyers, carts, strict=True)])
    world.random.shuffle(buyers)
    results.attempt(len(buyers))
    answers: list[Answer] = at_once([buyer.checkout for buyer in buyers])
    numbers = [answer.body["number"] for answer in answers if answer.status == 201]
    results.acknowledge(len(numbers))
    outcomes = Counter((answer.status, answer.code) for answer in answers if answer.status != 201)
    results.expect(len(numbers) == winners, f"{len(numbers)} of {winners} possible buyers won")
    refused = outcomes.pop(refusal, 0)
    results.expect(refused == len(buyers) - winners, f"{refused} of {len(buyers) - winners} losers got {refusal}")
    results.unexpected += [f"{count} responses {outcome}" for outcome, count in outcomes.items()]
    orders = [order for order in check_orders(world, results, numbers) if order.number not in before]
    extra = len(orders) - len(numbers)
    results.expect(extra <= 0, f"{extra} unacknowledged orders")
    return orders


def _check_stock(world: World, results: Results, orders: list[OrderRecord], product: str, pieces: int) -> None:
    sold = sum(order.pieces.get(product, 0) for order in orders)
    left = world.state.stock(product)
    results.expect(left == pieces - sold and left >= 0, f"{sold} of {pieces} were sold, but {left} are left")
