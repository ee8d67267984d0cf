from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from catalog.models import Product
from catalog.search import product_words, sort_name

LIST = "/api/v1/products/"


@pytest.fixture
def names(anonymous: APIClient) -> Callable[..., list[str]]:
    """The names of the products that a list with these parameters answers with, in order."""

    def ask(**parameters: Any) -> list[str]:
        reply = anonymous.get(LIST, {"page_size": 100, **parameters})
        assert reply.status_code == 200, reply.content
        return [product["name"] for product in reply.json()["results"]]

    return ask


def put_on_shelf(*rows: dict[str, Any]) -> list[Product]:
    """Create products as they lie in the database, read model and all, without the services: many, and quickly."""
    products = [
        Product(**{"name": f"P{n:03}", "slug": f"p{n:03}", "in_stock": True, **row}) for n, row in enumerate(rows)
    ]
    for product in products:
        product.sort_name = sort_name(product.name)
        product.search_words = product_words(
            name=product.name, description=product.description, category=product.category_name
        )
    return Product.objects.bulk_create(products)
