from typing import Any

from rest_framework.test import APIClient

from catalog.models import Product
from shop import audit
from shop.dev.testing.steps import API

GOOD = {"rating": 5, "title": "Lovely", "body": "Holds tea."}


def url_of(product: Product, review: Any = None) -> str:
    return f"{API}/products/{product.pk}/reviews/" + (f"{review['id']}/" if review else "")


def write(client: APIClient, product: Product, **fields: Any) -> dict[str, Any]:
    reply = client.post(url_of(product), {**GOOD, **fields})
    assert reply.status_code == 201, reply.content
    return reply.json()


def rating_of(product: Product) -> tuple[float | None, int]:
    """Return the rating in list and detail, after checking it by the audit."""
    detail = APIClient().get(f"{API}/products/{product.pk}/").json()["rating"]
    rows = APIClient().get(f"{API}/products/").json()["results"]
    assert [row["rating"] for row in rows if row["id"] == str(product.pk)] == [detail]
    assert audit.violations() == []
    return detail["average"], detail["count"]


def titles(client: APIClient, product: Product, **query: Any) -> list[str]:
    reply = client.get(url_of(product), query)
    assert reply.status_code == 200, reply.content
    return [review["title"] for review in reply.json()["results"]]
