"""Visibility of orders."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Product
from conftest import client_of
from orders.models import Order, ShippingMethod
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, order_of, place_order

pytestmark = [pytest.mark.django_db, pytest.mark.quick]

ORDERS = f"{API}/orders/"


def numbers(client: APIClient, query: str = "") -> list[str]:
    reply = client.get(f"{ORDERS}{query}")
    assert reply.status_code == 200, reply.content
    return [order["number"] for order in reply.json()["results"]]


@pytest.fixture
def product(make_product: Callable[..., Product]) -> Product:
    return make_product(price="10.00", stock=100)


def test_the_list_has_ones_own_orders_newest_first(
    as_customer: APIClient, as_stranger: APIClient, product: Product
) -> None:
    mine = [place_order(as_customer, product)["number"] for _ in range(3)]
    theirs = place_order(as_stranger, product)["number"]
    assert numbers(as_customer) == mine[::-1]
    assert numbers(as_stranger) == [theirs]


def test_the_list_comes_in_pages_with_whole_orders(as_customer: APIClient, product: Product) -> None:
    placed = [place_order(as_customer, product) for _ in range(3)]
    first = as_customer.get(f"{ORDERS}?page_size=2").json()
    assert (first["count"], first["previous"], first["results"]) == (3, None, placed[:0:-1])
    second = as_customer.get(first["next"]).json()
    assert (second["next"], second["results"]) == (None, placed[:1])
    assert refusal(as_customer.get(f"{ORDERS}?page=9"), 404) == ("not_found", None)


def test_another_user_s_order_is_the_404_of_no_order_byte_for_byte(
    as_customer: APIClient, as_stranger: APIClient, product: Product
) -> None:
    number = place_order(as_customer, product)["number"]
    for method, tail in (("get", ""), ("post", "cancel/")):
        foreign = getattr(as_stranger, method)(f"{ORDERS}{number}/{tail}", {})
        nothing = getattr(as_stranger, method)(f"{ORDERS}AAAAA-AAAAA/{tail}", {})
        assert refusal(nothing, 404) == ("not_found", None)
        assert (foreign.status_code, foreign.content) == (404, nothing.content)
    assert order_of(as_customer, number)["status"] == "pending"


def test_a_number_is_found_in_small_letters(as_customer: APIClient, as_stranger: APIClient, product: Product) -> None:
    order = place_order(as_customer, product)
    small = order["number"].lower()
    assert as_customer.get(f"{ORDERS}{small}/").json() == order
    assert refusal(as_stranger.get(f"{ORDERS}{small}/"), 404) == ("not_found", None)
    assert as_customer.post(f"{ORDERS}{small}/cancel/", {}).json()["status"] == "cancelled"


@pytest.mark.parametrize("code", ["STANDARD", "stand\u200bard", "ｓtandard", " Standard "])
def test_a_shipping_method_is_found_by_every_spelling(
    as_customer: APIClient, product: Product, shipping: ShippingMethod, code: str
) -> None:
    assert place_order(as_customer, product, shipping_method=code)["shipping_method"] == "standard"
    ShippingMethod.objects.create(code="EXPRESS", name="Express", price="9")
    with pytest.raises(IntegrityError):
        ShippingMethod.objects.create(code="express", name="Express", price="9")


@pytest.mark.parametrize("path", ["", "AAAAA-AAAAA/"])
def test_orders_require_a_login(anonymous: APIClient, path: str) -> None:
    assert refusal(anonymous.get(f"{ORDERS}{path}"), 401) == ("not_authenticated", None)


def test_staff_see_all_and_filter(
    as_customer: APIClient,
    as_stranger: APIClient,
    as_staff: APIClient,
    customer: User,
    product: Product,
    make_product: Callable[..., Product],
) -> None:
    pending = place_order(as_customer, product)["number"]
    free = place_order(as_stranger, make_product(price="0.00"))["number"]
    cancelled = place_order(as_customer, product)["number"]
    as_customer.post(f"{ORDERS}{cancelled}/cancel/", {})
    assert numbers(as_staff) == [cancelled, free, pending]
    assert numbers(as_staff, f"?user={customer.pk}") == [cancelled, pending]
    assert numbers(as_staff, f"?user={'0' * 24}") == []
    assert numbers(as_staff, "?status=cancelled") == [cancelled]
    assert numbers(as_staff, "?payment_status=paid") == [free]
    assert numbers(as_staff, "?fulfilment_status=shipped") == []
    assert numbers(as_staff, f"?status=pending&payment_status=unpaid&user={customer.pk}") == [pending]
    assert order_of(as_staff, pending)["number"] == pending


@pytest.mark.parametrize(
    ("query", "attr"),
    [
        ("?user=ada", "user"),
        ("?status=lost", "status"),
        ("?payment_status=PAID", "payment_status"),
        ("?fulfilment_status=.*", "fulfilment_status"),
    ],
)
def test_a_bad_filter_is_a_400_about_it(as_staff: APIClient, query: str, attr: str) -> None:
    assert refusal(as_staff.get(f"{ORDERS}{query}"), 400)[1] == attr


def test_an_empty_filter_is_no_filter(as_customer: APIClient, as_staff: APIClient, product: Product) -> None:
    number = place_order(as_customer, product)["number"]
    assert numbers(as_staff, "?user=&status=&payment_status=") == [number]


def test_filters_never_show_a_customer_more_than_their_own(
    as_customer: APIClient, as_stranger: APIClient, staff: User, customer: User, product: Product
) -> None:
    number = place_order(as_customer, product)["number"]
    assert numbers(as_stranger, f"?user={customer.pk}") == []
    assert numbers(as_customer, "?status=pending") == [number]
    assert numbers(as_customer, "?status=completed") == []


def test_staff_without_the_permission_are_customers(
    as_customer: APIClient, make_user: Callable[..., User], product: Product
) -> None:
    number = place_order(as_customer, product)["number"]
    clerk = make_user(email="clerk@example.com", is_staff=True)
    assert numbers(client_of(clerk)) == []
    assert client_of(clerk).get(f"{ORDERS}{number}/").status_code == 404
    clerk.user_permissions.add(Permission.objects.get(codename="view_order"))
    assert numbers(client_of(User.objects.get(pk=clerk.pk))) == [number]
    # Seeing is not changing.
    reply = client_of(User.objects.get(pk=clerk.pk)).post(f"{ORDERS}{number}/cancel/", {})
    assert refusal(reply, 403) == ("permission_denied", None)
    assert Order.objects.get().status == "pending"


@pytest.mark.parametrize("method", ["put", "delete"])
def test_an_order_cannot_be_edited(as_staff: APIClient, product: Product, method: str) -> None:
    number = place_order(as_staff, product)["number"]
    reply = getattr(as_staff, method)(f"{ORDERS}{number}/", {"total": "0.01"})
    assert refusal(reply, 405) == ("method_not_allowed", None)
    assert as_staff.patch(f"{ORDERS}{number}/", {"total": "0.01"}).status_code == 200
    assert order_of(as_staff, number)["total"] == "10.00"
