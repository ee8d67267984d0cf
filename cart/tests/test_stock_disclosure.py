"""How much of the stock customers see: whether it suffices, and the remaining quantity only if few are left."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from catalog import stock
from catalog.models import Product, Variant
from conftest import ADDRESS, PASSWORD
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, add_to_cart, cart_of, variant_of

pytestmark = pytest.mark.django_db

ITEMS = f"{API}/cart/items/"


def add(client: APIClient, product: Product, quantity: int) -> Any:
    return client.post(ITEMS, {"product": str(product.pk), "quantity": quantity})


@pytest.mark.parametrize(
    ("pieces", "detail"),
    [
        (0, "This is out of stock."),
        (1, "Only 1 left in stock."),
        (5, "Only 5 left in stock."),
        (6, "Not enough in stock."),
        (743, "Not enough in stock."),
    ],
)
def test_a_refusal_and_a_warning_reveal_the_stock_only_if_few_are_left(
    as_customer: APIClient, make_product: Callable[..., Product], pieces: int, detail: str
) -> None:
    product = make_product(stock=900)
    item = add_to_cart(as_customer, product, 800)["items"][0]["id"]
    stock.adjust(variant_of(product), to=pieces)
    for reply in (
        add(as_customer, product, 1),
        add(as_customer, product, 199_200),
        as_customer.patch(f"{ITEMS}{item}/", {"quantity": 799}),
        as_customer.patch(f"{ITEMS}{item}/", {"quantity": 1_000_000}),
    ):
        assert refusal(reply, 409) == ("out_of_stock", "quantity")
        assert reply.json()["errors"][0]["detail"] == detail
    cart = cart_of(as_customer)
    assert [each["detail"] for each in cart["warnings"]] == [f"Thing 1: {detail}"]
    assert cart["items"][0]["quantity"] == 800


@pytest.mark.usefixtures("shipping")
def test_no_reply_to_a_customer_holds_the_number(as_customer: APIClient, make_product: Callable[..., Product]) -> None:
    product = make_product(stock=900)
    add_to_cart(as_customer, product, 800)
    stock.adjust(variant_of(product), to=743)
    order = {"shipping_address": ADDRESS}
    replies = [
        add(as_customer, product, 1),
        as_customer.get(f"{API}/cart/"),
        as_customer.post(f"{API}/orders/quote/", order),
        as_customer.post(f"{API}/orders/", order),
        as_customer.get(f"{API}/products/"),
        as_customer.get(f"{API}/products/facets/"),
        as_customer.get(f"{API}/products/{product.slug}/"),
    ]
    assert replies[3].status_code == 409
    shown = b"".join(reply.content.replace(str(product.pk).encode(), b"") for reply in replies)
    assert b" 743" not in shown
    assert b":743" not in shown


def test_how_much_there_is_beyond_the_limit_of_a_line_cannot_be_tried_out(
    as_customer: APIClient, make_product: Callable[..., Product], settings: Any
) -> None:
    settings.MAX_QUANTITY_PER_LINE = 50
    some, many = make_product(stock=50), make_product(stock=70_000)
    for quantity in (51, 70_000, 70_001, 1_000_000):
        replies = [add(as_customer, product, quantity) for product in (some, many)]
        assert refusal(replies[0], 400) == ("max_quantity", "quantity")
        assert replies[0].content == replies[1].content
    # If the stock is below the line's maximum, the error is about stock.
    assert refusal(add(as_customer, make_product(stock=49), 51), 409) == ("out_of_stock", "quantity")
    assert len(cart_of(as_customer)["items"]) == 0
    item = add_to_cart(as_customer, many, 50)["items"][0]["id"]
    assert refusal(add(as_customer, many, 1), 400) == ("max_quantity", "quantity")
    assert refusal(as_customer.patch(f"{ITEMS}{item}/", {"quantity": 51}), 400) == ("max_quantity", "quantity")
    assert cart_of(as_customer)["items"][0]["quantity"] == 50


def test_two_carts_that_become_one_hold_no_more_than_a_line(
    anonymous: APIClient, customer: User, as_customer: APIClient, make_product: Callable[..., Product], settings: Any
) -> None:
    settings.MAX_QUANTITY_PER_LINE = 50
    product = make_product(stock=70)
    add_to_cart(as_customer, product, 40)
    token = {"X-Cart-Token": add(anonymous, product, 40)["X-Cart-Token"]}
    login = {"email": customer.email, "password": PASSWORD}
    assert anonymous.post(f"{API}/auth/login/", login, headers=token).status_code == 200
    assert [item["quantity"] for item in cart_of(as_customer)["items"]] == [50]


def test_staff_see_the_stock(as_staff: APIClient, make_product: Callable[..., Product]) -> None:
    product = make_product(stock=743)
    assert as_staff.get(f"{API}/products/{product.pk}/").json()["variants"][0]["stock"] == 743
    variant = Variant.objects.get()
    reply = as_staff.post(f"{API}/variants/{variant.pk}/stock/", {"delta": -744, "reason": "correction"})
    assert refusal(reply, 409)[0] == "out_of_stock"
