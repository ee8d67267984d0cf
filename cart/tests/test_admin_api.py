"""Promotions by REST, as in the admin."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from cart.promotions.models import Promotion
from catalog.models import Collection, Product
from shop.dev.testing.replies import refusal
from shop.dev.testing.resources import Resource, live_through
from shop.dev.testing.steps import API, add_to_cart, cart_of, dump_database, place_order

pytestmark = pytest.mark.django_db

PROMOTIONS = f"{API}/promotions/"
COUPON = Resource(
    "promotions",
    "cart.promotion",
    {"code": " welcome ", "kind": "percentage", "value": "12.5", "tags": [], "usage_limit": 100},
    {"value": "20", "name": "Welcome", "valid_until": "2099-01-01T00:00:00Z", "priority": -3},
    (
        ({"kind": "none"}, "invalid_choice", "kind"),
        ({"value": "100.5"}, "max_value", "value"),
        ({"value": "-1"}, "min_value", "value"),
        ({"kind": "fixed", "value": "1.999"}, "step", "value"),
        ({"kind": "fixed", "value": "10000000000"}, "max_value", "value"),
        ({"kind": "buy_x_get_y", "buy_quantity": 2}, "missing", "get_quantity"),
        ({"automatic": True}, "missing", "name"),
        ({"code": ""}, "missing", "code"),
        ({"code": "TAKEN"}, "unique", "code"),
        ({"applies_to": "products"}, "missing", "targets"),
        ({"applies_to": "products", "targets": ["0" * 24]}, "does_not_exist", "targets"),
        ({"applies_to": "tags"}, "missing", "tags"),
        ({"valid_from": "2026-01-02T00:00:00Z", "valid_until": "2026-01-01T00:00:00Z"}, "order", "valid_until"),
        ({"priority": 1001}, "max_value", "priority"),
        ({"usage_limit_per_customer": 0}, "min_value", "usage_limit_per_customer"),
    ),
    label="Welcome",
    shown={"code": "WELCOME", "state": "active", "times_used": 0, "automatic": False, "applies_to": "everything"},
)


def test_staff_edit_promotions_by_rest(make_user: Callable[..., User]) -> None:
    Promotion.objects.create(code="TAKEN", kind="percentage", value="5")
    live_through(COUPON, make_user)


def test_an_automatic_promotion_applies_to_carts_at_once_and_ends_with_its_deactivation(
    as_staff: APIClient, as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    summer = Collection.objects.create(name="Summer", slug="summer")
    mug = make_product("Mug", price="20.00", collections=[summer.pk])
    add_to_cart(as_customer, mug)
    body = {"automatic": True, "name": "Summer sale", "kind": "percentage", "value": "10", "applies_to": "collections"}
    made = as_staff.post(PROMOTIONS, {**body, "code": "IGNORED", "targets": [str(summer.pk)]}).json()
    assert (made["code"], made["targets"], made["value"]) == ("", [str(summer.pk)], "10")
    assert cart_of(as_customer)["discount"] == "2.00"
    at = f"{PROMOTIONS}{made['id']}/"
    assert as_staff.patch(at, {"kind": "fixed", "value": "5"}).json()["value"] == "5.00"
    assert cart_of(as_customer)["discount"] == "5.00"
    # Its hidden code is none, and stays what it is.
    hidden = Promotion.objects.get().code
    assert refusal(as_staff.patch(at, {"automatic": False}), 400) == ("missing", "code")
    # Targets of another kind are checked, and those of none are dropped.
    assert refusal(as_staff.patch(at, {"applies_to": "products"}), 400) == ("does_not_exist", "targets")
    assert as_staff.patch(at, {"applies_to": "everything"}).json()["targets"] == []
    assert as_staff.patch(at, {"kind": "free_shipping"}).json()["value"] == "0.00"
    assert Promotion.objects.get().code == hidden
    assert as_staff.patch(at, {"is_active": False}).json()["state"] == "inactive"
    assert cart_of(as_customer)["discounts"] == []


def test_uses_are_counted_limits_hold_and_used_promotions_stay(
    as_staff: APIClient, as_customer: APIClient, make_product: Callable[..., Product], shipping: Any
) -> None:
    made = as_staff.post(PROMOTIONS, {"code": "once", "kind": "fixed", "value": "1", "usage_limit": 50}).json()
    mug, at = make_product("Mug", price="20.00"), f"{PROMOTIONS}{made['id']}/"
    add_to_cart(as_customer, mug)
    assert as_customer.put(f"{API}/cart/coupon/", {"code": "ONCE"}).status_code == 200
    place_order(as_customer, mug)
    shown = as_staff.get(at).json()
    assert (shown["times_used"], shown["usage_limit"]) == (1, 50)
    before = dump_database()
    assert refusal(as_staff.patch(at, {"usage_limit": 0}), 400) == ("usage_limit_too_low", "usage_limit")
    assert refusal(as_staff.delete(at), 409) == ("in_use", None)
    # What the shop counts is read only.
    assert as_staff.patch(at, {"times_used": 0, "state": "inactive", "used": 0, "id": "0" * 24}).json() == shown
    assert dump_database() == before
    assert as_staff.patch(at, {"usage_limit": 1}).json()["state"] == "limit reached"
    Promotion.objects.create(code="OTHER", kind="percentage", value="5", is_active=False)
    for query, codes in {
        "code=once": ["ONCE"],
        "is_active=false": ["OTHER"],
        "kind=fixed&is_active=true": ["ONCE"],
        "kind=percentage": ["OTHER"],
        "": ["OTHER", "ONCE"],
    }.items():
        found = as_staff.get(f"{PROMOTIONS}?{query}").json()["results"]
        assert [each["code"] for each in found] == codes, query
    assert refusal(as_staff.get(f"{PROMOTIONS}?kind=none"), 400) == ("invalid_choice", "kind")
