"""Requests whose transactions fail."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from catalog.models import Product
from conftest import ADDRESS
from orders.models import Order
from shop.db import transactions
from shop.dev.testing.failures import UNKNOWN_COMMIT, WRITE_CONFLICT, failing
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, add_to_cart, dump_database, place_order, stock_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def product(make_product: Callable[..., Product]) -> Product:
    return make_product(price="10.00", stock=5)


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ("update", WRITE_CONFLICT),
        ("commitTransaction", WRITE_CONFLICT),
        ("commitTransaction", UNKNOWN_COMMIT),
        ("commitTransaction", {"closeConnection": True}),
        ("insert", {"closeConnection": True}),
    ],
    ids=str,
)
def test_a_checkout_survives_what_passes(
    as_customer: APIClient, product: Product, command: str, fault: dict[str, Any]
) -> None:
    add_to_cart(as_customer, product, 2)
    model = Order if command == "insert" else None
    with failing(command, model, **fault):
        place_order(as_customer)
    assert Order.objects.count() == 1
    assert stock_of(product) == 3


def test_a_conflict_that_does_not_end_is_a_503_and_nothing_happened(
    as_customer: APIClient, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "GIVE_UP_SECONDS", 0.3)
    add_to_cart(as_customer, product, 2)
    as_customer.raise_request_exception = False
    before = dump_database()
    with failing("insert", Order, times=None, **WRITE_CONFLICT):
        reply = as_customer.post(f"{API}/orders/", {"shipping_address": ADDRESS})
    assert refusal(reply, 503) == ("too_much_contention", None)
    assert int(reply["Retry-After"]) >= 1
    assert dump_database() == before
    place_order(as_customer)
    assert stock_of(product) == 3


def test_a_database_that_is_silent_is_not_taken_for_contention(
    as_customer: APIClient, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "GIVE_UP_SECONDS", 0.3)
    add_to_cart(as_customer, product, 2)
    as_customer.raise_request_exception = False
    with failing("insert", Order, times=None, closeConnection=True):
        reply = as_customer.post(f"{API}/orders/", {"shipping_address": ADDRESS})
    assert refusal(reply, 503) == ("database_unavailable", None)
    place_order(as_customer)
    assert stock_of(product) == 3


def test_a_database_that_takes_too_long_is_a_503(as_customer: APIClient, product: Product) -> None:
    as_customer.raise_request_exception = False
    with failing("aggregate", Product, times=None, errorCode=50):
        reply = as_customer.get(f"{API}/products/{product.pk}/")
    assert refusal(reply, 503) == ("database_unavailable", None)
    assert as_customer.get(f"{API}/products/{product.pk}/").status_code == 200
