"""``null`` for an optional field of a body means an empty text or an omitted field."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from rest_framework.test import APIClient

from catalog.models import Product
from catalog.tests.conftest import LIST
from shop.dev.testing.admin import picture
from shop.dev.testing.replies import refusal
from shop.dev.testing.routes import alternatives, operations, schema
from shop.dev.testing.steps import API, stock_of, variant_of

pytestmark = pytest.mark.django_db

NEEDS_A_VALUE = {
    # A missing quantity is 1, which null does not say.
    ("POST /cart/items/", "quantity"),
    # A missing switch has a default, which null does not say.
    ("POST /orders/{number}/returns/", "withdrawal"),
    ("POST /orders/{number}/returns/preview/", "withdrawal"),
    ("POST /orders/{number}/returns/{id}/approve/", "refund"),
    *(("POST /orders/{number}/returns/{id}/receive/", name) for name in ("refund", "shipping")),
    *(("POST /payments/{id}/refunds/", name) for name in ("lines.restock", "shipping")),
    # A PATCH may leave out what the object must have.
    ("PATCH /users/me/", "name"),
    *(("PATCH /users/me/addresses/{id}/", name) for name in ("name", "line1", "country")),
    ("PATCH /products/{id}/", "name"),
    ("PATCH /variants/{id}/", "price"),
    ("PATCH /products/{product_pk}/reviews/{id}/", "rating"),
    *((f"PATCH /{path}/{{slug}}/", "name") for path in ("categories", "collections")),
    ("PATCH /promotions/{id}/", "kind"),
    *(("PATCH /webhook-endpoints/{id}/", name) for name in ("url", "types")),
    ("PATCH /shipping/zones/{id}/", "name"),
    *(("PATCH /shipping/methods/{id}/", name) for name in ("code", "name", "price")),
    *(("PATCH /tax-rates/{id}/", name) for name in ("country", "rate")),
}


def resolved(described: dict[str, Any]) -> dict[str, Any]:
    """Follow the references of a schema."""
    while "$ref" in described or len(described.get("allOf", ())) == 1:
        described = described["allOf"][0] if "allOf" in described else described
        if "$ref" in described:
            described = schema()["components"]["schemas"][described["$ref"].rpartition("/")[2]]
    return described


def optional_properties(described: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for form in alternatives(resolved(described)):
        for name, each in form.get("properties", {}).items():
            if name not in form.get("required", ()):
                yield f"{path}{name}", each
            yield from optional_properties(resolved(each).get("items", each), f"{path}{name}.")


def takes_null(described: dict[str, Any]) -> bool:
    described = resolved(described)
    either = described.get("oneOf", described.get("anyOf", ()))
    return "null" in described.get("type", ()) or None in described.get("enum", ()) or any(map(takes_null, either))


def test_every_optional_field_of_every_body_takes_null() -> None:
    refused, seen = set(), 0
    for operation in operations():
        content = operation.description.get("requestBody", {}).get("content", {})
        body = content.get("application/json", content.get("multipart/form-data"))
        for name, described in optional_properties(body["schema"]) if body else ():
            seen += 1
            if not takes_null(described):
                refused.add((str(operation), name))
    assert refused == NEEDS_A_VALUE
    assert seen > 30


def test_staff_may_send_null_for_what_a_product_does_not_have(
    as_staff: APIClient, make_product: Callable[..., Product]
) -> None:
    nulls = dict.fromkeys(("slug", "description", "category", "compare_at_price", "sku", "stock", "is_active"))
    body = {**nulls, "name": "Mug", "price": "5.00", "attributes": None, "variants": None}
    reply = as_staff.post(LIST, body)
    assert reply.status_code == 201, reply.content
    mug = Product.objects.get()
    assert (mug.slug, mug.description, mug.attributes, mug.is_active, stock_of(mug)) == ("mug", "", {}, True, 0)

    as_staff.patch(f"{LIST}{mug.pk}/", {"description": "Blue.", "stock": 3, "attributes": {"colour": "blue"}})
    reply = as_staff.patch(f"{LIST}{mug.pk}/", {**nulls, "description": None, "attributes": None, "price": None})
    assert reply.status_code == 200, reply.content
    mug.refresh_from_db()
    assert (mug.slug, mug.description, mug.attributes, stock_of(mug)) == ("mug", "", {"colour": "blue"}, 3)
    assert str(mug.price) == "5.00"

    variant = variant_of(mug)
    assert (
        as_staff.post(f"{API}/variants/{variant.pk}/stock/", {"delta": 2, "set": None, "reason": "x"}).status_code
        == 200
    )
    assert as_staff.patch(f"{API}/variants/{variant.pk}/", {"sku": None, "options": None}).status_code == 200
    assert (stock_of(mug), variant_of(mug).sku) == (5, variant.sku)
    reply = as_staff.post(f"{API}/variants/{variant.pk}/stock/", {"delta": None, "set": None, "reason": "x"})
    assert refusal(reply, 400) == ("ambiguous", "delta")
    image = as_staff.post(f"{LIST}{mug.pk}/images/", {"image": picture(), "alt": "Mug"}, format="multipart").json()
    reply = as_staff.patch(f"{LIST}{mug.pk}/images/{image['id']}/", {"alt": None, "position": None})
    assert (reply.status_code, reply.json()["alt"], reply.json()["position"]) == (200, "", image["position"])
    # Not for what is required.
    assert refusal(as_staff.post(LIST, {"name": "Mug", "price": None}), 400) == ("required", "price")
    assert refusal(as_staff.patch(f"{LIST}{mug.pk}/", {"name": None}), 400) == ("null", "name")


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("POST /variants/{id}/stock/", {"delta": 1, "reason": "Delivery"}),
        ("POST /variants/{id}/stock/", {"delta": 1, "set": None, "reason": "Delivery"}),
        ("POST /variants/{id}/stock/", {"delta": None, "reason": "Delivery"}),
        ("POST /variants/{id}/stock/", {"delta": None, "set": None, "reason": "Delivery"}),
        ("POST /variants/{id}/stock/", {"delta": 1, "set": 1, "reason": "Delivery"}),
        ("PATCH /products/{id}/", {"variants": None, "price": "5.00"}),
        ("PATCH /products/{id}/", {"variants": [{"sku": "MUG", "price": "5.00"}], "price": None, "stock": None}),
        ("PATCH /products/{id}/", {"variants": [{"sku": "MUG", "price": "5.00"}], "stock": 1}),
    ],
)
def test_rules_between_fields_are_described_with_their_nulls(
    as_staff: APIClient, make_product: Callable[..., Product], operation: str, body: dict[str, Any]
) -> None:
    mug = make_product("Mug", sku="MUG")
    (described,) = [each.description for each in operations() if str(each) == operation]
    content = described["requestBody"]["content"]["application/json"]["schema"]
    valid = Draft202012Validator({**content, "components": schema()["components"]}).is_valid(body)
    method, path = operation.split()
    address = path.replace("{id}", str(variant_of(mug).pk if "variants/" in path else mug.pk))
    reply = getattr(as_staff, method.lower())(f"{API}{address}", body)
    assert (reply.status_code < 300) == valid, reply.content
