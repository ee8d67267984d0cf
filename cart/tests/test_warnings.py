"""Warnings of a cart about changes since its items were added."""

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from catalog import services as catalog
from catalog import stock
from catalog.models import Product, Variant
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, add_to_cart, cart_of, variant_of

pytestmark = [pytest.mark.django_db, pytest.mark.quick]


def warnings_of(cart: dict) -> list[tuple[str, str | None]]:
    return [(warning["code"], warning["item"]) for warning in cart["warnings"]]


def test_a_price_that_moved_is_todays_and_a_warning(
    as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    product = make_product(price="10.00")
    item = add_to_cart(as_customer, product, 2)["items"][0]["id"]
    catalog.update_variant(variant=variant_of(product), data={"price": "12.50"})

    cart = cart_of(as_customer)
    assert warnings_of(cart) == [("price_changed", item)]
    assert cart["warnings"][0]["detail"] == "The price of Thing 1 changed from 10.00 to 12.50."
    assert (cart["items"][0]["unit_price"], cart["items"][0]["line_total"], cart["total"]) == (
        "12.50",
        "25.00",
        "25.00",
    )
    # A customer who then sets the quantity has seen the new price.
    assert warnings_of(as_customer.patch(f"{API}/cart/items/{item}/", {"quantity": 1}).json()) == []


def test_stock_that_no_longer_covers_a_line_is_a_warning(
    as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    product = make_product(stock=5)
    item = add_to_cart(as_customer, product, 3)["items"][0]["id"]
    stock.adjust(variant_of(product), to=3)
    assert warnings_of(cart_of(as_customer)) == []
    stock.adjust(variant_of(product), to=2)
    cart = cart_of(as_customer)
    assert warnings_of(cart) == [("out_of_stock", item)]
    assert cart["items"][0]["quantity"] == 3


@pytest.mark.parametrize("what", ["product", "variant"])
def test_what_was_taken_off_sale_is_a_warning_and_can_be_removed(
    as_customer: APIClient, make_product: Callable[..., Product], what: str
) -> None:
    product = make_product()
    item = add_to_cart(as_customer, product)["items"][0]["id"]
    if what == "product":
        catalog.update_product(product=product, data={"is_active": False})
    else:
        Variant.objects.filter(product=product).update(is_active=False)
    assert warnings_of(cart_of(as_customer)) == [("unavailable", item)]
    assert warnings_of(as_customer.delete(f"{API}/cart/items/{item}/").json()) == []


def test_a_deleted_product_leaves_a_warning_no_price_and_a_line_that_can_be_removed(
    as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    deleted, kept = make_product(price="10.00"), make_product(price="3.00")
    item = add_to_cart(as_customer, deleted)["items"][0]["id"]
    add_to_cart(as_customer, kept)
    assert catalog.delete_product(product=deleted) is True

    cart = cart_of(as_customer)
    assert warnings_of(cart) == [("unavailable", item)]
    assert ([each["product"]["name"] for each in cart["items"]], cart["total"]) == (["Thing 2"], "3.00")
    assert refusal(as_customer.patch(f"{API}/cart/items/{item}/", {"quantity": 2}), 400)[0] == "product_unavailable"
    assert warnings_of(as_customer.delete(f"{API}/cart/items/{item}/").json()) == []
