from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Product
from catalog.search_terms import product_fields, sort_name
from orders.models import ShippingMethod
from shop.dev.testing.admin import browser_of, ordered

LIST = "/api/v1/products/"


@pytest.fixture
def names(anonymous: APIClient) -> Callable[..., list[str]]:
    """Return the names of the products in a list with these parameters, in order."""

    def ask(**parameters: Any) -> list[str]:
        reply = anonymous.get(LIST, {"page_size": 100, **parameters})
        assert reply.status_code == 200, reply.content
        return [product["name"] for product in reply.json()["results"]]

    return ask


def put_on_shelf(*rows: dict[str, Any]) -> list[Product]:
    """Insert products with their read model directly into the database: many, and quickly."""
    products = [
        Product(**{"name": f"P{n:03}", "slug": f"p{n:03}", "in_stock": True, **row}) for n, row in enumerate(rows)
    ]
    for product in products:
        product.sort_name = sort_name(product.name)
        found_by = product_fields(name=product.name, description=product.description, category=product.category_name)
        product.search_words, product.search_beginnings = found_by["search_words"], found_by["search_beginnings"]
    return Product.objects.bulk_create(products)


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


@pytest.fixture
def mug(make_product: Callable[..., Product]) -> Product:
    return make_product("Mug", sku="MUG", price="10.00", stock=5)


@pytest.fixture
def hat(make_product: Callable[..., Product]) -> Product:
    return make_product("Hat", sku="HAT", price="10.00", stock=5)


@pytest.fixture
def buy(customer: User, shipping: ShippingMethod) -> Callable[[Product, int], None]:
    def buy(product: Product, quantity: int) -> None:
        ordered(customer, product, quantity=quantity)

    return buy


@pytest.fixture
def shirt(make_product: Callable[..., Product]) -> Product:
    sizes = [{"sku": f"SHIRT-{size}", "options": {"size": size}, "price": "20.00", "stock": 5} for size in "SM"]
    return make_product("Shirt", variants=sizes)
