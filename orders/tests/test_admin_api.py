"""Shipping zones, methods and tax rates by REST, as in the admin."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Product
from conftest import ADDRESS
from orders.models import Order, ShippingMethod, TaxRate
from orders.shipping.models import ShippingRate, ShippingZone
from shop.dev.testing.replies import refusal, refusals
from shop.dev.testing.resources import Resource, live_through
from shop.dev.testing.steps import API, add_to_cart, dump_database, place_order, run_concurrently

pytestmark = pytest.mark.django_db

ZONES, METHODS, RATES = f"{API}/shipping/zones/", f"{API}/shipping/methods/", f"{API}/tax-rates/"

PICKUP = {"is_pickup": True, "pickup_country": "US", "pickup_state": "California", "pickup_city": "Oakland"}
RESOURCES = [
    Resource(
        "shipping/zones",
        "orders.shippingzone",
        {"name": "Near", "countries": ["de", "AT", "DE"], "states": ["US Hawaii"], "postal_codes": ["gb bt*"]},
        {"countries": ["CH"], "states": []},
        (
            ({"countries": ["XX"]}, "invalid", "countries"),
            ({"states": ["US-XX"]}, "invalid", "states"),
            ({"postal_codes": ["DE 9..1"]}, "range", "postal_codes"),
            ({"postal_codes": [f"DE {'1' * 20}*"] * 1000}, "max_length", "postal_codes"),
            ({"name": ""}, "blank", "name"),
        ),
        label="Near",
        shown={"countries": ["DE", "AT"], "states": ["US-HI"], "postal_codes": ["GB BT*"]},
    ),
    Resource(
        "shipping/methods",
        "orders.shippingmethod",
        {"code": "Store", "name": "Our store", "price": "0.00", **PICKUP},
        {"name": "The store", "position": 3, "is_active": False},
        (
            ({"price": "1.999"}, "max_decimal_places", "price"),
            ({"pickup_country": ""}, "invalid", "pickup_country"),
            ({"pickup_state": "Nowhere"}, "invalid", "pickup_state"),
            ({"is_pickup": False}, "invalid", "is_pickup"),
            ({"code": "standard"}, "unique", "code"),
            ({"rates": [{"zone": "0" * 24, "price": "1"}]}, "does_not_exist", "rates.0.zone"),
        ),
        label="The store",
        shown={"code": "store", "pickup_state": "CA", "is_active": True, "rates": []},
    ),
    Resource(
        "tax-rates",
        "orders.taxrate",
        {"country": "us", "state": "California", "rate": "7.25", "label": "Sales tax"},
        {"rate": "8", "applies_to_shipping": False},
        (
            ({"country": "XX", "state": ""}, "invalid", "country"),
            ({"state": "Nowhere"}, "invalid", "state"),
            ({"rate": "101"}, "max_value", "rate"),
            ({"tax_class": "none"}, "invalid_choice", "tax_class"),
            ({"country": "gb", "state": "", "tax_class": "zero"}, "unique", None),
        ),
        label="US",
        shown={"country": "US", "state": "CA", "tax_class": "standard", "applies_to_shipping": True},
    ),
]


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda each: each.path)
def test_staff_edit_by_rest_what_they_edit_in_the_admin(
    resource: Resource, make_user: Callable[..., User], shipping: ShippingMethod
) -> None:
    TaxRate.objects.create(country="GB", tax_class="zero", rate="0")
    live_through(resource, make_user)


@pytest.fixture
def near(as_staff: APIClient) -> str:
    return as_staff.post(ZONES, {"name": "Near", "countries": ["GB"]}).json()["id"]


def test_prices_by_zone_are_replaced_together_and_decide_what_shoppers_pay(
    as_staff: APIClient, as_customer: APIClient, make_product: Callable[..., Product], near: str
) -> None:
    far = as_staff.post(ZONES, {"name": "Far"}).json()["id"]
    rates = [{"zone": near, "price": "3.00", "free_from": "90"}, {"zone": far, "price": "8", "max_weight": 900}]
    body = {"code": "post", "name": "Post", "price": "5.00", "rates": rates}
    method = as_staff.post(METHODS, body).json()
    at, (first, second) = f"{METHODS}{method['id']}/", method["rates"]
    assert (first["price"], first["free_from"], second["max_weight"]) == ("3.00", "90.00", 900)
    add_to_cart(as_customer, make_product(price="20.00"))

    def quoted() -> dict[str, str]:
        reply = as_customer.post(f"{API}/orders/quote/", {"shipping_address": ADDRESS}).json()
        return {each["code"]: each["price"] for each in reply["shipping_methods"]}

    assert quoted() == {"post": "3.00"}
    before = dump_database()
    for rates, code, attr in (
        ([{**first, "min_weight": 5, "max_weight": 4}], "invalid", "rates.0.max_weight"),
        ([first, {**second, "price": "-1"}], "min_value", "rates.1.price"),
        ([{**first, "id": "0" * 24}], "unknown", "rates.0.id"),
        ([first, first], "unknown", "rates.1.id"),
        ([{"zone": near}], "null", "rates.0.price"),
    ):
        assert refusals(as_staff.patch(at, {"rates": rates}), 400) == [(code, attr)]
    assert refusal(as_staff.delete(f"{ZONES}{near}/"), 409) == ("in_use", None)
    assert dump_database() == before
    # The rate of the far zone goes, the other keeps its id, and another is new.
    changed = as_staff.patch(
        at, {"rates": [{**first, "price": "4.00", "free_from": None}, {"zone": near, "price": "9"}]}
    )
    assert [(each["id"] == first["id"], each["price"]) for each in changed.json()["rates"]] == [
        (True, "4.00"),
        (False, "9.00"),
    ]
    assert quoted() == {"post": "4.00"}
    assert as_staff.delete(f"{ZONES}{far}/").status_code == 204
    # The public list has no rates, and no inactive method.
    assert as_customer.get(f"{API}/shipping-methods/").json() == [
        {"code": "post", "name": "Post", "price": "5.00", "description": "", "is_pickup": False, "pickup_address": None}
    ]
    place_order(as_customer, make_product())
    assert refusal(as_staff.delete(at), 409) == ("in_use", None)
    assert as_staff.patch(at, {"is_active": False}).status_code == 200
    assert as_customer.get(f"{API}/shipping-methods/").json() == []
    assert Order.objects.get().shipping_method == "post"


@pytest.mark.slow
def test_concurrent_edits_of_one_method_and_zone_leave_the_state_of_one(as_staff: APIClient, near: str) -> None:
    created = as_staff.post(METHODS, {"code": "post", "name": "Post", "price": "5.00"})
    at, tag = f"{METHODS}{created.json()['id']}/", created["ETag"]

    def put(price: str) -> Any:
        return as_staff.patch(at, {"rates": [{"zone": near, "price": price}]}, headers={"If-Match": tag})

    replies = run_concurrently(*(lambda price=price: put(price) for price in ("1.00", "2.00", "3.00", "4.00")))
    assert sorted(each.status_code for each in replies) == [200, 409, 409, 409]
    (won,) = [each for each in replies if each.status_code == 200]
    assert as_staff.get(at).json() == won.json()
    # A zone is deleted, or gets a price; never both.
    as_staff.patch(at, {"rates": []})
    deleted, priced = run_concurrently(
        lambda: as_staff.delete(f"{ZONES}{near}/"),
        lambda: as_staff.patch(at, {"rates": [{"zone": near, "price": "1"}]}),
    )
    assert {deleted.status_code, priced.status_code} in ({204, 400}, {409, 200})
    assert ShippingRate.objects.count() == ShippingZone.objects.count()
