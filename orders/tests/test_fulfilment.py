"""Shipping and delivering."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Product
from conftest import client_of
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, events_of, order_of, place_order

pytestmark = [pytest.mark.django_db, pytest.mark.quick]


def fulfil(client: APIClient, number: str, status: str = "shipped", **body: str):
    return client.post(f"{API}/orders/{number}/fulfil/", {"status": status, **body})


@pytest.fixture
def number(as_customer: APIClient, make_product: Callable[..., Product]) -> str:
    """The number of a completed order."""
    return place_order(as_customer, make_product(price="0.00"))["number"]


def test_an_order_is_shipped_then_delivered(as_customer: APIClient, as_staff: APIClient, number: str) -> None:
    shipped = fulfil(as_staff, number, carrier="Royal Mail", tracking_number="RM 12")
    assert shipped.status_code == 200
    assert shipped.json()["fulfilment_status"] == "shipped"
    delivered = fulfil(as_staff, number, "delivered")
    assert delivered.status_code == 200
    order = order_of(as_customer, number)
    assert order_of(as_staff, number) == delivered.json()
    assert (order["status"], order["fulfilment_status"]) == ("completed", "delivered")
    assert (order["carrier"], order["tracking_number"]) == ("Royal Mail", "RM 12")
    assert events_of(order)[-2:] == [("shipped", "staff"), ("delivered", "staff")]
    assert order["timeline"][-2]["detail"] == "Royal Mail RM 12"


def test_steps_cannot_be_skipped_or_repeated(as_staff: APIClient, number: str) -> None:
    assert refusal(fulfil(as_staff, number, "delivered"), 409) == ("order_not_fulfillable", None)
    assert fulfil(as_staff, number).status_code == 200
    assert refusal(fulfil(as_staff, number), 409) == ("order_not_fulfillable", None)
    assert fulfil(as_staff, number, "delivered").status_code == 200
    for status in ("shipped", "delivered"):
        assert refusal(fulfil(as_staff, number, status), 409) == ("order_not_fulfillable", None)
    assert [event for event, _ in events_of(order_of(as_staff, number))][2:] == ["shipped", "delivered"]


def test_an_unpaid_or_cancelled_order_is_not_shipped(
    as_customer: APIClient, as_staff: APIClient, make_product: Callable[..., Product]
) -> None:
    number = place_order(as_customer, make_product(price="10.00"))["number"]
    assert refusal(fulfil(as_staff, number), 409) == ("order_not_fulfillable", None)
    as_customer.post(f"{API}/orders/{number}/cancel/", {})
    assert refusal(fulfil(as_staff, number), 409) == ("order_not_fulfillable", None)
    assert order_of(as_staff, number)["fulfilment_status"] == "unfulfilled"


@pytest.mark.parametrize("status", ["unfulfilled", "lost", "", None, 1])
def test_an_unknown_step_is_a_400(as_staff: APIClient, number: str, status: str) -> None:
    assert refusal(fulfil(as_staff, number, status), 400)[1] == "status"


def test_only_staff_with_the_permission_fulfil(
    as_customer: APIClient, anonymous: APIClient, make_user: Callable[..., User], number: str
) -> None:
    clerk = make_user(email="clerk@example.com", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_order"))
    assert refusal(fulfil(anonymous, number), 401) == ("not_authenticated", None)
    assert refusal(fulfil(as_customer, number), 403) == ("permission_denied", None)
    assert refusal(fulfil(client_of(clerk), number), 403) == ("permission_denied", None)
    clerk.user_permissions.add(Permission.objects.get(codename="change_order"))
    assert fulfil(client_of(User.objects.get(pk=clerk.pk)), number).status_code == 200


def test_an_order_that_does_not_exist_is_a_404_for_staff_and_a_403_for_others(
    as_staff: APIClient, as_customer: APIClient
) -> None:
    assert refusal(fulfil(as_staff, "AAAAA-AAAAA"), 404) == ("not_found", None)
    assert refusal(fulfil(as_customer, "AAAAA-AAAAA"), 403) == ("permission_denied", None)
