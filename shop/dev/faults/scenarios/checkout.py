from collections import Counter

from shop.dev.faults.buyers import at_once, new_key
from shop.dev.faults.money import check_money, check_orders
from shop.dev.faults.results import Results
from shop.dev.faults.world import World


def one_cart(world: World, results: Results) -> None:
    """Twenty concurrent checkouts of one cart create one order."""
    times = 20
    product = world.state.make_product(1000)
    (buyer,) = world.buyers(1, results)
    buyer.add(product, 2)
    before = {order.number for order in world.state.orders()}
    results.attempt(times)
    answers = at_once([buyer.twin().checkout for _ in range(times)])
    numbers = [answer.body["number"] for answer in answers if answer.status == 201]
    results.acknowledge(len(numbers))
    outcomes = Counter((answer.status, answer.code) for answer in answers if answer.status != 201)
    for honest in ((409, "cart_changed"), (400, "empty_cart")):
        outcomes.pop(honest, 0)
    results.unexpected += [f"{count} responses {outcome}" for outcome, count in outcomes.items()]
    made = [order for order in check_orders(world, results, numbers) if order.number not in before]
    if len(made) > 1:
        results.duplicated.append(f"one cart became {len(made)} orders")
    results.expect(made, "the cart became no order")
    left = world.state.stock(product)
    results.expect(left == 998, f"two of 1000 were bought, but {left} are left")


def one_key(world: World, results: Results) -> None:
    """One Idempotency-Key sent 50 times at once creates one order; another, one PaymentIntent."""
    times = world.size(50, 25)
    product = world.state.make_product(1000)
    (buyer,) = world.buyers(1, results)
    buyer.add(product)
    before = {order.number for order in world.state.orders()}
    key = new_key()
    results.attempt(times)
    answers = at_once([lambda: buyer.twin().checkout(key=key) for _ in range(times)])
    numbers = {answer.body["number"] for answer in answers if answer.status == 201}
    results.acknowledge(len([answer for answer in answers if answer.status == 201]))
    others = Counter((answer.status, answer.code) for answer in answers if answer.status != 201)
    others.pop((409, "request_in_progress"), 0)
    results.unexpected += [f"{count} responses {outcome}" for outcome, count in others.items()]
    made = [order for order in check_orders(world, results, list(numbers)) if order.number not in before]
    if len(made) > 1 or len(numbers) > 1:
        results.duplicated.append(f"one key made {len(made)} orders and was answered with {len(numbers)}")
    again = buyer.checkout(key=key)
    results.expect(again.status == 201 and again.body["number"] in numbers, f"the key was then answered with {again}")

    number, key = again.body.get("number") or next(iter(numbers)), new_key()
    results.attempt(times)
    opened = at_once([lambda: buyer.twin().open_payment(number, key=key) for _ in range(times)])
    done = [answer for answer in opened if answer.status in (200, 201)]
    results.acknowledge(len(done))
    others = Counter((answer.status, answer.code) for answer in opened if answer not in done)
    others.pop((409, "request_in_progress"), 0)
    results.unexpected += [f"{count} responses {outcome}" for outcome, count in others.items()]
    results.expect(done, "no request returned the payment")
    if len({answer.body["payment_intent"] for answer in done}) > 1:
        results.duplicated.append(f"{number} was answered with several PaymentIntents")
    check_money(world, results)
