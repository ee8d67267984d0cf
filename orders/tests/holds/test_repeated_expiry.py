"""Who lets orders expire repeatedly may hold less."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Product
from conftest import client_of
from orders.models import Order
from shop.dev.testing.holds import cancel, let_all_expire, try_to_order
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, place_order, stock_of

pytestmark = pytest.mark.django_db


def test_who_lets_orders_expire_again_and_again_may_hold_less_and_less_for_a_day(
    as_customer: APIClient, product: Product, limits: Any
) -> None:
    for _ in range(3):
        place_order(as_customer, product, 10)
    let_all_expire()
    # Three have no effect.
    for _ in range(2):
        place_order(as_customer, product, 25)
    let_all_expire()
    assert stock_of(product) == 1000

    # Five: a quarter of 50 pieces, and a quarter of three orders, but one.
    assert refusal(try_to_order(as_customer, product, 13), 409)[0] == "too_many_unpaid_orders"
    as_customer.delete(f"{API}/cart/")
    place_order(as_customer, product, 12)
    assert refusal(try_to_order(as_customer, product), 409)[0] == "too_many_unpaid_orders"

    Order.objects.exclude(expired_at=None).update(expired_at=timezone.now() - timedelta(hours=25))
    place_order(as_customer, product)


def test_who_holds_stock_and_cancels_again_and_again_may_hold_less_and_less(
    as_customer: APIClient, make_user: Callable[..., User], product: Product, limits: Any
) -> None:
    for _ in range(4):
        cancel(as_customer, place_order(as_customer, product, 50)["number"])
    assert stock_of(product) == 1000
    assert refusal(try_to_order(as_customer, product, 26), 409)[0] == "too_many_unpaid_orders"
    as_customer.delete(f"{API}/cart/")
    place_order(as_customer, product, 25)
    # The account's holds still count at its network address after its deletion.
    limits.UNPAID_PIECES_PER_ADDRESS = 100
    assert as_customer.delete(f"{API}/users/me/").status_code == 204
    assert refusal(try_to_order(client_of(make_user()), product, 26), 429)[0] == "too_many_unpaid_orders_here"
