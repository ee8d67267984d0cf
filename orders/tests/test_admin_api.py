"""Shipping zones, methods, tax rates and reviews by REST, as in the admin."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from catalog import read_model
from catalog.models import Product
from conftest import ADDRESS, client_of
from orders.models import Order, ShippingMethod, TaxRate
from orders.reviews.models import Review
from orders.shipping.models import ShippingRate, ShippingZone
from shop.audit.staff_log import StaffAction
from shop.db.transactions import transactional
from shop.dev.testing.admin import allow
from shop.dev.testing.replies import refusal, refusals
from shop.dev.testing.resources import Resource, live_through
from shop.dev.testing.steps import API, add_to_cart, dump_database, place_order, run_concurrently

pytestmark = pytest.mark.django_db

ZONES, METHODS, RATES = f"{API}/shipping/zones/", f"{API}/shipping/methods/", f"{API}/tax-rates/"
REVIEWS = f"{API}/reviews/"

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


def test_staff_list_hide_show_and_delete_reviews_by_rest(
    as_staff: APIClient, anonymous: APIClient, make_product: Callable[..., Product], make_user: Callable[..., User]
) -> None:
    mug, cup = make_product("Mug"), make_product("Cup")
    ada = make_user(email="ada@example.com", name="Ada Lovelace")
    first, second, third = (
        Review.objects.create(product=product, user=user, rating=rating, title=title)
        for product, user, rating, title in ((mug, ada, 5, "Good"), (mug, make_user(), 1, "Bad"), (cup, None, 5, ""))
    )
    transactional("tests.rate")(lambda: read_model.add_to_rating(mug.pk, reviews=2, stars=6))()
    at = f"{REVIEWS}{second.pk}/"

    def titles(query: str = "") -> list[str]:
        return [each["title"] for each in as_staff.get(f"{REVIEWS}?{query}").json()["results"]]

    def rating() -> tuple[float, int]:
        shown = anonymous.get(f"{API}/products/mug/").json()["rating"]
        return shown["average"], shown["count"]

    good = as_staff.get(f"{REVIEWS}{first.pk}/").json()
    assert (good["product"]["slug"], good["customer"]["email"], good["reviewer"]) == ("mug", ada.email, "Ada L.")
    assert as_staff.get(f"{REVIEWS}{third.pk}/").json()["customer"] is None
    assert rating() == (3.0, 2)
    desk, as_ada = client_of(allow(make_user(), "orders.view_review", "orders.change_review")), client_of(ada)
    assert desk.post(f"{at}hide/").json()["is_hidden"] is True
    assert desk.post(f"{at}hide/").status_code == 200
    assert (rating(), len(anonymous.get(f"{API}/products/mug/reviews/").json()["results"])) == ((5.0, 1), 1)
    for query, found in {
        "": ["", "Bad", "Good"],
        "is_hidden=true": ["Bad"],
        "rating=5": ["", "Good"],
        f"product={mug.pk}": ["Bad", "Good"],
        f"product={mug.pk}&rating=5&is_hidden=false": ["Good"],
    }.items():
        assert titles(query) == found, query
    before = dump_database()
    assert refusal(as_staff.get(f"{REVIEWS}?rating=6"), 400) == ("max_value", "rating")
    assert desk.delete(at).status_code == as_ada.post(f"{at}show/").status_code == 403
    assert anonymous.get(REVIEWS).status_code == 401
    assert dump_database() == before
    assert desk.post(f"{at}show/").json()["is_hidden"] is False
    assert rating() == (3.0, 2)
    assert as_staff.delete(at).status_code == 204
    assert (rating(), titles()) == ((5.0, 1), ["", "Good"])
    logged = StaffAction.objects.filter(object_id=str(second.pk)).order_by("pk")
    assert [(each.action, each.fields) for each in logged] == [
        ("change", ["is_hidden"]),
        ("change", ["is_hidden"]),
        ("delete", []),
    ]
