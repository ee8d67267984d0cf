"""Concurrent changes of one cart."""

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from cart.models import Cart
from catalog.models import Product
from conftest import client_of
from shop.dev.testing.steps import API, add_to_cart, cart_of, run_concurrently

pytestmark = pytest.mark.django_db


def test_twenty_changes_of_one_cart_at_once_lose_nothing(customer: User, make_product: Callable[..., Product]) -> None:
    products = [make_product(stock=100) for _ in range(4)]

    def put_in(product: Product) -> Callable[[], dict]:
        client = client_of(customer)
        return lambda: add_to_cart(client, product, 2)

    run_concurrently(*[put_in(products[n % 4]) for n in range(20)])

    cart = cart_of(client_of(customer))
    assert sorted(item["product"]["id"] for item in cart["items"]) == sorted(str(each.pk) for each in products)
    assert [item["quantity"] for item in cart["items"]] == [10, 10, 10, 10]
    assert Cart.objects.get().revision == 19


def test_changes_of_several_kinds_at_once_all_count(
    as_customer: APIClient, customer: User, make_product: Callable[..., Product]
) -> None:
    products = [make_product(stock=9) for _ in range(6)]
    items = [add_to_cart(as_customer, product)["items"][-1]["id"] for product in products]

    def change(n: int) -> Callable[[], int]:
        client, path = client_of(customer), f"{API}/cart/items/{items[n]}/"
        if n % 2:
            return lambda: client.delete(path).status_code
        return lambda: client.patch(path, {"quantity": n + 2}).status_code

    assert run_concurrently(*[change(n) for n in range(6)]) == [200] * 6
    assert [item["quantity"] for item in cart_of(as_customer)["items"]] == [2, 4, 6]


def test_the_last_piece_counts_for_a_cart_too(customer: User, make_product: Callable[..., Product]) -> None:
    product = make_product(stock=3)
    body = {"product": str(product.pk), "quantity": 1}

    def put_in() -> Callable[[], int]:
        client = client_of(customer)
        return lambda: client.post(f"{API}/cart/items/", body).status_code

    statuses = run_concurrently(*[put_in() for _ in range(8)])
    assert sorted(statuses) == [201] * 3 + [409] * 5
    assert cart_of(client_of(customer))["items"][0]["quantity"] == 3
