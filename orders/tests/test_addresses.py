"""Shipping addresses and shipping methods of orders."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import Address, User
from catalog.models import Product
from conftest import ADDRESS
from orders.models import Order, ShippingMethod
from shop import audit
from shop.dev.testing.admin import browser_of, url_of
from shop.dev.testing.replies import refusal, refusals
from shop.dev.testing.steps import API, add_to_cart, dump_database, order_of

pytestmark = pytest.mark.django_db

ORDERS = f"{API}/orders/"


@pytest.fixture(autouse=True)
def _something_to_order(as_customer: APIClient, make_product: Callable[..., Product]) -> None:
    add_to_cart(as_customer, make_product(price="10.00"))


def test_an_order_can_go_to_an_address_of_the_book_and_keeps_it(as_customer: APIClient, customer: User) -> None:
    address = Address.objects.create(user=customer, **ADDRESS, phone="+44 20 7946 0000")
    reply = as_customer.post(ORDERS, {"address_id": str(address.pk)})
    assert reply.status_code == 201
    empty = dict.fromkeys(("company", "tax_id", "line2", "state"), "")
    frozen = {**ADDRESS, **empty, "phone": "+44 20 7946 0000"}
    assert reply.json()["shipping_address"] == frozen
    Address.objects.update(line1="Elsewhere")
    assert order_of(as_customer, reply.json()["number"])["shipping_address"] == frozen
    address.delete()
    assert order_of(as_customer, reply.json()["number"])["shipping_address"] == frozen


def test_an_address_given_with_the_order_is_not_put_into_the_book(as_customer: APIClient) -> None:
    assert as_customer.post(ORDERS, {"shipping_address": {**ADDRESS, "is_default": True}}).status_code == 201
    assert not Address.objects.exists()


def test_another_user_s_address_does_not_exist(as_customer: APIClient, staff: User) -> None:
    theirs = Address.objects.create(user=staff, **ADDRESS)
    for path in (ORDERS, f"{ORDERS}quote/"):
        foreign = as_customer.post(path, {"address_id": str(theirs.pk)})
        nothing = as_customer.post(path, {"address_id": "0" * 24})
        assert refusal(foreign, 404) == ("not_found", None)
        assert foreign.content == nothing.content
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({}, [("required", "shipping_address")]),
        ({"shipping_address": ADDRESS, "address_id": "0" * 24}, [("ambiguous", "address_id")]),
        ({"address_id": "home"}, [("invalid_id", "address_id")]),
        ({"address_id": None}, [("required", "shipping_address")]),
        ({"shipping_address": None}, [("required", "shipping_address")]),
        ({"shipping_address": "London"}, [("invalid", "shipping_address")]),
        ({"shipping_address": {**ADDRESS, "country": "XX"}}, [("invalid", "shipping_address.country")]),
        ({"shipping_address": {**ADDRESS, "country": "GBR"}}, None),
        ({"shipping_address": {**ADDRESS, "country": ".*"}}, [("invalid", "shipping_address.country")]),
        ({"shipping_address": {**ADDRESS, "city": " "}}, [("required", "shipping_address.city")]),
        ({"shipping_address": {**ADDRESS, "tax_id": "GB 1"}}, [("invalid_tax_id", "shipping_address.tax_id")]),
        (
            {"shipping_address": ADDRESS, "billing_address": {**ADDRESS, "country": "US"}},
            [("required", "billing_address.state")],
        ),
        ({"shipping_address": ADDRESS, "billing_address_id": "home"}, [("invalid_id", "billing_address_id")]),
        (
            {"shipping_address": ADDRESS, "billing_address": ADDRESS, "billing_address_id": "0" * 24},
            [("ambiguous", "billing_address_id")],
        ),
        ({"shipping_address": {**ADDRESS, "name": "x" * 121}}, [("max_length", "shipping_address.name")]),
        ({"shipping_address": {**ADDRESS, "name": {"$gt": ""}}}, [("invalid", "shipping_address.name")]),
        ({"shipping_address": ADDRESS, "note": "x" * 501}, [("max_length", "note")]),
        ({"shipping_address": ADDRESS, "shipping_method": "x" * 41}, [("max_length", "shipping_method")]),
    ],
)
def test_what_is_wrong_with_an_address_is_named_and_nothing_is_written(
    as_customer: APIClient, body: dict[str, Any], faults: list | None
) -> None:
    before = dump_database()
    for path in (ORDERS, f"{ORDERS}quote/"):
        found = refusals(as_customer.post(path, body), 400)
        if faults is not None:
            assert found == faults
    assert dump_database() == before


def test_an_order_is_billed_to_the_shipping_address_or_to_another(
    as_customer: APIClient, make_product: Callable[..., Product], customer: User, staff: User
) -> None:
    office = {
        **ADDRESS,
        "company": "Analytical Engines",
        "tax_id": "de 136 695 976",
        "postal_code": "10115",
        "city": "Berlin",
        "country": "DE",
    }
    entry = as_customer.post(f"{API}/users/me/addresses/", office).json()
    billed = {**office, "tax_id": "DE136695976", "line2": "", "state": "", "phone": ""}
    assert {name: entry[name] for name in billed} == billed
    theirs = Address.objects.create(user=staff, **ADDRESS)
    assert (
        as_customer.post(ORDERS, {"shipping_address": ADDRESS, "billing_address_id": str(theirs.pk)}).status_code == 404
    )
    for body in ({"billing_address": office}, {"billing_address_id": entry["id"]}, {}):
        order = as_customer.post(ORDERS, {"shipping_address": ADDRESS, **body}).json()
        assert order["billing_address"] == (billed if body else order["shipping_address"])
        assert order["shipping_address"]["country"] == "GB"
        assert order_of(as_customer, order["number"]) == order
        add_to_cart(as_customer, make_product())
    first, *_, last = Order.objects.order_by("pk")
    browser = browser_of(staff)
    page = browser.get(url_of("orders.order", "change", first.pk)).content.decode()
    assert "Analytical Engines<br>" in page
    assert "Tax number DE136695976" in page
    assert "The shipping address." in browser.get(url_of("orders.order", "change", last.pk)).content.decode()
    assert audit.violations() == []
    # As stored by an earlier release.
    Order.objects.update(billing_address=None)
    assert order_of(as_customer, last.number)["billing_address"] == order["shipping_address"]


@pytest.mark.parametrize(
    ("address", "faults"),
    [
        ({"country": "GB"}, [("required", name) for name in ("name", "line1")]),
        ({"country": "GB", "city": "London"}, [("required", name) for name in ("name", "line1")]),
    ],
)
def test_only_a_quote_needs_no_complete_address(
    as_customer: APIClient, address: dict[str, str], faults: list[tuple[str, str]]
) -> None:
    before = dump_database()
    found = refusals(as_customer.post(ORDERS, {"shipping_address": address}), 400)
    assert found == [(code, f"shipping_address.{name}") for code, name in faults]
    assert as_customer.post(f"{ORDERS}quote/", {"shipping_address": address}).status_code == 200
    assert dump_database() == before


@pytest.fixture
def methods(db: None) -> None:
    ShippingMethod.objects.create(code="gone", name="Gone", price="1.00", position=0, is_active=False)
    ShippingMethod.objects.create(code="express", name="Express", price="15.00", position=2, description="A day")
    ShippingMethod.objects.create(code="standard", name="Standard", price="4.90", position=1)


def test_the_ways_to_send_are_open_to_all_and_the_default_comes_first(anonymous: APIClient, methods: None) -> None:
    reply = anonymous.get(f"{API}/shipping-methods/")
    assert reply.status_code == 200
    no_pickup = {"is_pickup": False, "pickup_address": None}
    assert reply.json() == [
        {"code": "standard", "name": "Standard", "price": "4.90", "description": "", **no_pickup},
        {"code": "express", "name": "Express", "price": "15.00", "description": "A day", **no_pickup},
    ]


@pytest.mark.parametrize(
    ("asked", "code", "price"), [({}, "standard", "4.90"), ({"shipping_method": "express"}, "express", "15.00")]
)
def test_an_order_goes_by_the_way_that_was_asked_for_or_the_default(
    as_customer: APIClient, methods: None, asked: dict, code: str, price: str
) -> None:
    order = as_customer.post(ORDERS, {"shipping_address": ADDRESS, **asked}).json()
    assert (order["shipping_method"], order["shipping"]) == (code, price)
    assert order["total"] == str(float(price) + 10) + "0"


@pytest.mark.parametrize("code", ["pigeon", "gone", ".*"])
def test_a_way_that_does_not_exist_is_a_400(as_customer: APIClient, methods: None, code: str) -> None:
    for path in (ORDERS, f"{ORDERS}quote/"):
        reply = as_customer.post(path, {"shipping_address": ADDRESS, "shipping_method": code})
        assert refusal(reply, 400) == ("invalid_shipping_method", "shipping_method")
    assert not Order.objects.exists()


def test_a_shop_without_ways_to_send_charges_nothing_for_it(as_customer: APIClient) -> None:
    order = as_customer.post(ORDERS, {"shipping_address": ADDRESS}).json()
    assert (order["shipping_method"], order["shipping"], order["total"]) == (None, "0.00", "10.00")
