from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Product
from conftest import client_of
from shop.dev.testing.steps import place_order


@pytest.fixture
def mug(make_product: Callable[..., Product]) -> Product:
    """A free product, so that ordering it completes the purchase."""
    return make_product("Mug", price="0", stock=100)


@pytest.fixture
def buyer(make_user: Callable[..., User], mug: Product) -> Callable[..., APIClient]:
    """A client of a user who has bought the mug."""

    def make(**fields: Any) -> APIClient:
        client = client_of(make_user(**fields))
        place_order(client, mug)
        return client

    return make
