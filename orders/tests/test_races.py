"""Concurrent buyers."""

import time
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from cart.promotions.models import Promotion, PromotionUse
from catalog import stock
from catalog.errors import OutOfStock
from catalog.models import Product, StockMovement, Variant
from conftest import ADDRESS, client_of
from orders.models import Order
from shop.db import transactions
from shop.dev.testing.commands import count_commands
from shop.dev.testing.failures import failing
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, add_to_cart, cart_of, run_concurrently, stock_of, variant_of

pytestmark = pytest.mark.django_db


def outcome(reply: Any) -> tuple[int, str]:
    body = reply.json()
    return reply.status_code, body["errors"][0]["code"] if "errors" in body else ""


def checkout(client: APIClient, **headers: str) -> Callable[[], tuple[int, str]]:
    return lambda: outcome(client.post(f"{API}/orders/", {"shipping_address": ADDRESS}, headers=headers))


@pytest.fixture
def make_buyer(make_user: Callable[..., User]) -> Callable[..., APIClient]:
    """A customer with a cart that holds these things."""

    def make(*products: Product) -> APIClient:
        client = client_of(make_user())
        for product in products:
            add_to_cart(client, product)
        return client

    return make


def test_twelve_buyers_of_the_last_five_get_exactly_five(
    make_product: Callable[..., Product], make_buyer: Callable[..., APIClient]
) -> None:
    product = make_product(stock=5)
    buyers = [make_buyer(product) for _ in range(12)]
    outcomes = run_concurrently(*[checkout(buyer) for buyer in buyers])
    assert Counter(outcomes) == {(201, ""): 5, (409, "out_of_stock"): 7}
    assert stock_of(product) == 0
    assert Order.objects.count() == 5
    assert StockMovement.objects.filter(reason="order").count() == 5
    assert Product.objects.get().in_stock is False
    # The losers keep their carts.
    for buyer, (status, _) in zip(buyers, outcomes, strict=True):
        assert len(cart_of(buyer)["items"]) == (0 if status == 201 else 1)


def test_the_ledger_itself_never_goes_below_zero(make_product: Callable[..., Product]) -> None:
    product = make_product(stock=4)
    wanted = {variant_of(product).pk: 1}

    def take() -> bool:
        try:
            stock.reserve(wanted, reason=StockMovement.Reason.ORDER, reference="X")
        except OutOfStock as error:
            assert error.variants == set(wanted)  # noqa: PT017
            return False
        return True

    assert run_concurrently(*[take] * 10).count(True) == 4
    assert stock_of(product) == 0
    with pytest.raises(OutOfStock):
        stock.adjust(variant_of(product), delta=-1)


def test_an_order_that_conflicted_takes_its_stock_first_and_counts_it_as_its_own(
    as_customer: APIClient, make_product: Callable[..., Product], shipping: Any
) -> None:
    owing, last = make_product(stock=1), make_product(stock=2)
    Variant.objects.filter(product=owing).update(stock_policy="backorder")
    add_to_cart(as_customer, owing, 3)
    add_to_cart(as_customer, last, 2)
    conflict = failing("insert", Order, errorCode=112, errorLabels=["TransientTransactionError"])
    with conflict, count_commands() as commands:
        reply = as_customer.post(f"{API}/orders/", {"shipping_address": ADDRESS})
    assert reply.status_code == 201
    again = commands.names[commands.names.index("abortTransaction") :]
    assert again[1] == "findAndModify"
    assert (stock_of(owing), stock_of(last)) == (-2, 0)
    assert sorted(StockMovement.objects.filter(reason="order").values_list("delta", flat=True)) == [-3, -2]
    assert [line.backordered for line in Order.objects.get().lines] == [2, 0]


def test_carts_in_opposite_order_do_not_block_each_other(
    make_product: Callable[..., Product], make_buyer: Callable[..., APIClient]
) -> None:
    first, second = make_product(stock=8), make_product(stock=8)
    buyers = [make_buyer(*((first, second) if n % 2 else (second, first))) for n in range(12)]
    outcomes = run_concurrently(*[checkout(buyer) for buyer in buyers])
    assert Counter(outcomes) == {(201, ""): 8, (409, "out_of_stock"): 4}
    assert (stock_of(first), stock_of(second)) == (0, 0)


def test_one_cart_becomes_one_order_however_often_it_is_checked_out(
    customer: User, make_product: Callable[..., Product]
) -> None:
    product = make_product(stock=50)
    add_to_cart(client_of(customer), product, 2)
    outcomes = Counter(run_concurrently(*[checkout(client_of(customer)) for _ in range(12)]))
    assert outcomes.pop((201, "")) == 1
    assert set(outcomes) <= {(409, "cart_changed"), (400, "empty_cart")}
    assert Order.objects.count() == 1
    assert stock_of(product) == 48


def test_a_change_during_checkout_is_either_in_the_order_or_still_in_the_cart(
    customer: User, make_product: Callable[..., Product]
) -> None:
    product = make_product(stock=1000)
    for _ in range(6):
        add_to_cart(client_of(customer), product, 2)
        adding = client_of(customer)
        run_concurrently(
            checkout(client_of(customer)),
            lambda client=adding: add_to_cart(client, product, 1),
        )
    ordered = sum(line.quantity for order in Order.objects.all() for line in order.lines)
    left = sum(item["quantity"] for item in cart_of(client_of(customer))["items"])
    assert ordered + left == 18
    assert stock_of(product) == 1000 - ordered


def test_two_sold_out_variants_at_once_sell_out_the_product(
    make_user: Callable[..., User], make_product: Callable[..., Product]
) -> None:
    for number in range(5):
        variants = [
            {"sku": f"{number}-{size}", "options": {"size": size}, "price": "1.00", "stock": 1} for size in "SM"
        ]
        product = make_product(variants=variants)
        buyers = []
        for variant in product.variants.all():
            buyer = client_of(make_user())
            assert buyer.post(f"{API}/cart/items/", {"variant": str(variant.pk)}).status_code == 201
            buyers.append(checkout(buyer))
        assert run_concurrently(*buyers) == [(201, ""), (201, "")]
        assert Product.objects.get(pk=product.pk).in_stock is False


def test_a_coupon_for_three_is_used_by_three_of_fifteen(
    make_product: Callable[..., Product], make_buyer: Callable[..., APIClient]
) -> None:
    product = make_product(stock=100)
    Promotion.objects.create(code="THREE", kind="fixed", value=Decimal(1), usage_limit=3)
    buyers = [make_buyer(product) for _ in range(15)]
    for buyer in buyers:
        assert buyer.put(f"{API}/cart/coupon/", {"code": "THREE"}).status_code == 200
    outcomes = run_concurrently(*[checkout(buyer) for buyer in buyers])
    assert Counter(outcomes) == {(201, ""): 3, (400, "invalid_coupon"): 12}
    assert Promotion.objects.get().used == PromotionUse.objects.count() == 3
    assert stock_of(product) == 97


def test_cancels_and_checkouts_at_once_keep_the_ledger_right(
    make_product: Callable[..., Product], make_buyer: Callable[..., APIClient]
) -> None:
    product = make_product(stock=6)
    cancelling = []
    for _ in range(6):
        buyer = make_buyer(product)
        number = buyer.post(f"{API}/orders/", {"shipping_address": ADDRESS}).json()["number"]
        cancelling.append((buyer, number))
    assert stock_of(product) == 0
    stock.adjust(variant_of(product), delta=1)
    buying = [make_buyer(product) for _ in range(6)]

    def cancel(buyer: APIClient, number: str) -> Callable[[], tuple[int, str]]:
        return lambda: outcome(buyer.post(f"{API}/orders/{number}/cancel/", {}))

    outcomes = run_concurrently(*[cancel(*each) for each in cancelling], *[checkout(buyer) for buyer in buying])

    assert outcomes[:6] == [(200, "")] * 6
    sold = outcomes[6:].count((201, ""))
    assert stock_of(product) == 7 - sold
    assert sold >= 1
    assert Product.objects.get().in_stock is True


def test_a_cart_that_moves_under_a_checkout_is_not_ordered(
    as_customer: APIClient, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch, shipping: Any
) -> None:
    mug, hat = make_product("Mug"), make_product("Hat")
    add_to_cart(as_customer, mug)
    # The first attempt conflicts; before the second one the customer adds another item.
    clock = SimpleNamespace(monotonic=time.monotonic, sleep=lambda seconds: add_to_cart(as_customer, hat))
    monkeypatch.setattr(transactions, "time", clock)
    with failing("insert", Order, errorCode=112, errorLabels=["TransientTransactionError"]):
        reply = as_customer.post(f"{API}/orders/", {"shipping_address": ADDRESS})
    assert refusal(reply, 409) == ("cart_changed", None)
    assert not Order.objects.exists()
    assert [stock_of(mug), stock_of(hat)] == [5, 5]
    assert len(cart_of(as_customer)["items"]) == 2
