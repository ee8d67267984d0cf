"""The number of database commands of a request does not grow with its response."""

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from catalog.models import Product
from shop.dev.testing.commands import Commands, count_commands
from shop.dev.testing.steps import API, add_to_cart, order_of, place_order

pytestmark = pytest.mark.django_db


@pytest.fixture
def products(make_product: Callable[..., Product]) -> list[Product]:
    return [make_product(price="1.00", stock=50) for _ in range(10)]


def asked(client: APIClient, path: str) -> Commands:
    with count_commands() as commands:
        assert client.get(f"{API}{path}").status_code == 200
    return commands


def test_a_cart_of_ten_lines_costs_as_much_as_one_of_three(as_customer: APIClient, products: list[Product]) -> None:
    for product in products[:3]:
        add_to_cart(as_customer, product)
    # The user with the cart and the offers of its lines.
    assert len(asked(as_customer, "/cart/")) == 1, asked(as_customer, "/cart/")
    for product in products[3:]:
        add_to_cart(as_customer, product)
    assert len(asked(as_customer, "/cart/")) == 1


def test_changing_a_full_cart_costs_as_much_as_changing_a_small_one(
    as_customer: APIClient, products: list[Product]
) -> None:
    counts = []
    for product in products:
        with count_commands() as commands:
            add_to_cart(as_customer, product)
        counts.append(len(commands))
    assert len(set(counts[1:])) == 1, counts
    # The same, and the change.
    assert counts[-1] == 2, commands


@pytest.mark.parametrize("lines", [1, 10])
def test_showing_an_order_is_two_commands(as_customer: APIClient, products: list[Product], lines: int) -> None:
    for product in products[:lines]:
        add_to_cart(as_customer, product)
    number = place_order(as_customer)["number"]
    assert order_of(as_customer, number)["lines"]
    commands = asked(as_customer, f"/orders/{number}/")
    assert len(commands) == 2, commands


@pytest.mark.parametrize("orders", [1, 6])
def test_listing_orders_is_two_commands(as_customer: APIClient, products: list[Product], orders: int) -> None:
    for product in products[:orders]:
        place_order(as_customer, product)
    commands = asked(as_customer, "/orders/")
    assert len(commands) == 2, commands
