"""Fixtures of tests of mails about orders."""

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from catalog.models import Product
from orders.models import ShippingMethod
from shop.dev.testing.mails import minutes_pass, subjects
from shop.dev.testing.steps import place_order


@pytest.fixture
def mug(make_product: Callable[..., Product], shipping: ShippingMethod) -> Product:
    options = [{"sku": "MUG-B", "options": {"colour": "blue", "size": "L"}, "price": "12.50", "stock": 9}]
    return make_product("Mug", variants=options)


@pytest.fixture
def number(as_customer: APIClient, mug: Product) -> str:
    """The number of an order of two mugs, whose mail is sent."""
    number = place_order(as_customer, mug, 2)["number"]
    minutes_pass()
    assert subjects() == ["We have received your order …"]
    return number
