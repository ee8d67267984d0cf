"""Fixtures of tests of returns."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from catalog.models import Product
from orders.models import ShippingMethod
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.mails import work
from shop.dev.testing.steps import order_of, place_order
from shop.dev.testing.stripe_steps import pay


@pytest.fixture
def mug(make_product: Callable[..., Product]) -> Product:
    return make_product("Mug", price="10.00", stock=5)


@pytest.fixture
def order(as_customer: APIClient, mug: Product, shipping: ShippingMethod, simulator: StripeSimulator) -> dict[str, Any]:
    """A paid order of three mugs and 4.90 for shipping; none is shipped."""
    placed = place_order(as_customer, mug, 3)
    pay(as_customer, simulator, placed["number"])
    work()
    return order_of(as_customer, placed["number"])
