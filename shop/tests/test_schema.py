"""The OpenAPI description matches the API."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from django.core.management import call_command
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

import payments.errors  # noqa: F401
from accounts.models import User
from catalog.models import Product, Variant
from conftest import ADDRESS, PASSWORD, client_of
from orders import services as orders
from orders.models import Order
from shop.api.errors import ServiceUnavailable, ShopError
from shop.api.schema_errors import MEANINGS, OTHERS
from shop.dev.testing.images import image_file
from shop.dev.testing.routes import Operation, operations, schema
from shop.http import errors as http_errors  # noqa: F401 (its errors count as well)
from shop.urls import router

pytestmark = pytest.mark.django_db

PREFIX = "/api/v1"


def test_it_validates_without_a_warning() -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=StringIO())


def test_it_is_served_with_its_pages_and_nothing_from_elsewhere(anonymous: APIClient) -> None:
    for path in ("/api/schema/", "/api/schema"):
        reply = anonymous.get(path, {"format": "json"})
        assert reply.status_code == 200
        assert json.loads(reply.content)["openapi"].startswith("3.1")
    for path in ("/api/docs/", "/api/docs"):
        page = anonymous.get(path, headers={"Accept": "text/html"})
        assert page.status_code == 200
        assert "//cdn" not in page.content.decode()
        assert "https://" not in page.content.decode().replace("https://www.w3.org", "")


def test_it_is_made_once_whatever_a_query_says(anonymous: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {kind: anonymous.get("/api/schema/", {"format": kind}).content for kind in ("json", "yaml")}
    monkeypatch.setattr(SchemaGenerator, "get_schema", lambda *_, **__: pytest.fail("made again"))
    for kind, content in known.items():
        for rest in ("n=1", "version=2", "lang=de", "version=a%0d%0aSet-Cookie:b=1", "version=%00"):
            reply = anonymous.get(f"/api/schema/?format={kind}&{rest}")
            assert (reply.status_code, reply.content) == (200, content), rest


def test_it_describes_every_route() -> None:
    routed = {
        (pattern.name, method.upper())
        for pattern in router.urls
        for method in pattern.callback.actions
        if method != "head"
    }
    assert len(routed) == len(operations()), sorted(routed)


def test_every_reply_is_described_with_the_request_s_id() -> None:
    reference = {"$ref": "#/components/headers/RequestID"}
    for operation in operations():
        for response in operation.description["responses"].values():
            assert response["headers"]["X-Request-ID"] == reference
    assert schema()["components"]["headers"]["RequestID"]["schema"] == {"type": "string"}


def test_every_operation_has_a_summary(subtests: pytest.Subtests) -> None:
    ids = [operation.description["operationId"] for operation in operations()]
    assert len(set(ids)) == len(ids)
    for operation in operations():
        with subtests.test(str(operation)):
            assert operation.description["tags"]


def test_views_declare_errors_of_existing_actions() -> None:
    actions: dict[type, set[str]] = defaultdict(set)
    for pattern in router.urls:
        actions[pattern.callback.cls] |= set(pattern.callback.actions.values())
    for view, own in actions.items():
        assert set(getattr(view, "errors", {})) <= own, view


def test_errors_are_described_with_their_own_status() -> None:
    by_code = {each.default_code: each for each in subclasses_of(ShopError)}
    for status, code in described_errors():
        if code in by_code:
            assert by_code[code].status_code == status, code


def test_an_error_that_only_a_hook_raises_is_described() -> None:
    leave = next(each for each in operations() if str(each) == "DELETE /users/me/")
    assert "`order_not_cancellable`" in leave.description["responses"]["409"]["description"]


def test_every_refusal_of_the_shops_own_is_described() -> None:
    described = {code for _, code in described_errors()}
    passing = {each.default_code for each in subclasses_of(ServiceUnavailable)}
    # Of base classes, of all operations, or of the admin only.
    elsewhere = {"invalid", "conflict", "too_many_requests", "payload_too_large", "request_timeout", "incomplete_body"}
    elsewhere |= {"unsupported_media_type", "category_cycle", "category_in_use", "usage_limit_too_low"}
    elsewhere |= {"file_refused", "too_many_columns", "preview_too_old", "not_confirmable"}
    elsewhere |= {"price_out_of_range", "too_many_prices", "no_open_flag", "order_not_erasable"}
    elsewhere |= {
        "already_staff",
        "scope_not_held",
        "key_revoked",
        "nothing_due",
        "note_not_own",
        "mail_outdated",
        "mail_not_resent",
    }
    # Of rows of bulk calls.
    elsewhere |= {"duplicate_row", "ambiguous"}
    elsewhere |= {"products_changing", "too_large_for_xlsx", "too_many_variants"}
    assert {each.default_code for each in subclasses_of(ShopError)} - passing - elsewhere <= described


def described_errors() -> Iterator[tuple[int, str]]:
    for operation in operations():
        for status in operation.statuses:
            text = operation.description["responses"][str(status)].get("description", "")
            yield from ((status, code) for code in re.findall("`([^`]+)`", text.partition("Possible codes: ")[2]))


def subclasses_of(error: type[ShopError]) -> Iterator[type[ShopError]]:
    yield error
    for each in error.__subclasses__():
        yield from subclasses_of(each)


# --- What is answered is what is described ----------------------------------------------------------------------------


def assert_described(operation: Operation, reply: Any) -> None:
    """Assert that the operation declares the reply's status, media type and body."""
    responses = operation.description["responses"]
    status = "default" if reply.status_code in OTHERS else str(reply.status_code)
    assert status in responses, (str(operation), reply.status_code, reply.content[:300])
    content = responses[status].get("content")
    if content is None:
        assert reply.content == b"", (str(operation), reply.content[:300])
        return
    assert reply["Content-Type"] in content
    body = {**closed(content[reply["Content-Type"]]["schema"]), "components": components()}
    try:
        jsonschema.Draft202012Validator(body).validate(reply.json())
    except jsonschema.ValidationError as error:
        pytest.fail(f"{operation}: {error.message} at {error.json_path} in {reply.content[:1000]!r}")


# Each app adds a section to a data export.
OPEN = {"Export"}


@cache
def components() -> dict[str, Any]:
    shapes = schema()["components"]["schemas"]
    return {"schemas": {name: shape if name in OPEN else closed(shape) for name, shape in shapes.items()}}


def closed(described: Any) -> Any:
    """Return the description without additional properties."""
    if isinstance(described, list):
        return [closed(each) for each in described]
    if not isinstance(described, dict):
        return described
    others = {"additionalProperties": False} if "properties" in described else {}
    return others | {name: closed(each) for name, each in described.items()}


def test_every_operation_answers_anonymous_customers_and_staff_as_described(
    anonymous: APIClient, make_user: Callable[..., User], subtests: pytest.Subtests
) -> None:
    callers: dict[str, Callable[[], APIClient]] = {
        "nobody": lambda: anonymous,
        "a customer": lambda: client_of(make_user()),
        "staff": lambda: client_of(make_user(is_staff=True, is_superuser=True)),
    }
    bodies = [("application/json", b"{}"), ("application/json", b"{"), ("text/plain", b"x")]
    for name, caller in callers.items():
        client = caller()
        for operation in operations():
            for content_type, body in bodies if name == "staff" else bodies[:1]:
                with subtests.test(f"{name}: {operation} {content_type} {body!r}"):
                    reply = client.generic(operation.method, operation.address, body, content_type=content_type)
                    assert_described(operation, reply)
            if client.get(f"{PREFIX}/users/me/").status_code != 200:
                client = caller()


@pytest.fixture
def answered() -> Callable[..., Any]:
    """Call an operation and check the reply against the description; return the JSON."""
    by_name = {str(operation): operation for operation in operations()}

    def call(
        client: APIClient, name: str, body: Any = None, *, status: int, multipart: bool = False, **parameters: str
    ) -> Any:
        operation = by_name[name]
        address = operation.path
        for parameter, value in parameters.items():
            address = address.replace(f"{{{parameter}}}", value)
        query = parameters.get("query", "")
        how = {"format": "multipart"} if multipart else {}
        reply = getattr(client, operation.method.lower())(address + query, body, **how)
        assert reply.status_code == status, reply.content
        assert_described(operation, reply)
        return reply.json() if reply.content else None

    return call


def test_what_shoppers_are_answered_is_as_described(
    answered: Callable[..., Any],
    anonymous: APIClient,
    as_customer: APIClient,
    make_product: Callable[..., Product],
    make_category: Callable[..., Any],
    shipping: Any,
) -> None:
    product = make_product("Mug", category=make_category("Mugs"), attributes={"colour": "blue"}, compare_at_price="99")
    make_product("Bare", stock=0)
    answered(anonymous, "GET /products/", status=200)
    answered(anonymous, "GET /products/", status=200, query="?page_size=1&search=mug")
    answered(anonymous, "GET /products/", status=400, query="?min_price=abc&in_stock=maybe")
    answered(anonymous, "GET /products/", status=404, query="?page=9")
    answered(anonymous, "GET /products/{id}/", status=200, id=str(product.pk))
    answered(anonymous, "GET /products/facets/", status=200)
    answered(anonymous, "GET /products/facets/", status=200, query="?category=mugs&attr_colour=blue&search=mug")
    answered(anonymous, "GET /products/facets/", status=400, query="?min_price=abc")
    answered(anonymous, "GET /products/{product_pk}/reviews/", status=404, product_pk="nothing")
    answered(anonymous, "GET /categories/", status=200)
    answered(anonymous, "GET /categories/{slug}/", status=200, slug="mugs")
    answered(anonymous, "GET /shipping-methods/", status=200)
    answered(anonymous, "GET /payments/config/", status=200)

    person = {"email": "new@example.com", "password": PASSWORD, "name": "New"}
    answered(anonymous, "POST /auth/register/", person, status=201)
    answered(anonymous, "POST /auth/register/", person, status=400)
    pair = answered(anonymous, "POST /auth/login/", person, status=200)
    answered(anonymous, "POST /auth/login/", {**person, "password": "x"}, status=401)
    answered(anonymous, "POST /auth/refresh/", {"refresh": pair["refresh"]}, status=200)
    answered(anonymous, "POST /auth/logout/", {"refresh": pair["refresh"]}, status=204)
    answered(anonymous, "POST /auth/password/reset/", {"email": person["email"]}, status=202)
    link = {"uid": "0" * 24, "token": "x"}
    answered(anonymous, "POST /auth/password/reset/confirm/", {**link, "new_password": PASSWORD}, status=400)
    answered(anonymous, "POST /auth/email/verify/confirm/", link, status=400)
    answered(as_customer, "POST /auth/email/verify/", status=202)
    answered(as_customer, "GET /users/me/", status=200)
    answered(as_customer, "PATCH /users/me/", {"phone": "+44 20 7946 0000"}, status=200)
    entry = answered(as_customer, "POST /users/me/addresses/", ADDRESS, status=201)
    untaxed = {**ADDRESS, "country": "DE", "state": "", "tax_id": "DE123"}
    answered(as_customer, "POST /users/me/addresses/", untaxed, status=400)
    answered(as_customer, "GET /users/me/addresses/", status=200)
    answered(as_customer, "PATCH /users/me/addresses/{id}/", {"city": "Bath"}, status=200, id=entry["id"])
    answered(as_customer, "DELETE /users/me/addresses/{id}/", status=204, id=entry["id"])

    item = {"product": str(product.pk), "quantity": 2}
    cart = answered(as_customer, "POST /cart/items/", item, status=201)
    answered(as_customer, "POST /cart/items/", {**item, "quantity": 100}, status=409)
    answered(as_customer, "PATCH /cart/items/{id}/", {"quantity": 1}, status=200, id=cart["items"][0]["id"])
    Variant.objects.filter(product=product).update(price="11")
    changed = answered(as_customer, "GET /cart/", status=200)
    assert [warning["code"] for warning in changed["warnings"]] == ["price_changed"]
    answered(as_customer, "POST /orders/quote/", {"shipping_address": ADDRESS}, status=200)
    order = answered(as_customer, "POST /orders/", {"shipping_address": ADDRESS}, status=201)
    answered(as_customer, "POST /orders/", {"shipping_address": ADDRESS}, status=400)
    answered(as_customer, "GET /orders/", status=200)
    answered(as_customer, "GET /orders/{number}/", status=200, number=order["number"])
    answered(as_customer, "GET /users/me/export/", status=200)
    answered(as_customer, "DELETE /cart/", status=200)

    orders.mark_paid(order_id=Order.objects.get().pk)
    about = {"product_pk": str(product.pk)}
    review = answered(as_customer, "POST /products/{product_pk}/reviews/", {"rating": 4}, status=201, **about)
    answered(as_customer, "POST /products/{product_pk}/reviews/", {"rating": 4}, status=409, **about)
    answered(as_customer, "POST /products/{product_pk}/reviews/", {"rating": 6}, status=400, **about)
    answered(anonymous, "GET /products/{product_pk}/reviews/", status=200, **about)
    about["id"] = review["id"]
    answered(as_customer, "PATCH /products/{product_pk}/reviews/{id}/", {"title": "Good"}, status=200, **about)
    answered(as_customer, "DELETE /products/{product_pk}/reviews/{id}/", status=204, **about)


def test_what_staff_are_answered_is_as_described(
    answered: Callable[..., Any], as_staff: APIClient, settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    mug = answered(as_staff, "POST /products/", {"name": "Mug", "price": "5", "sku": "MUG"}, status=201)
    answered(as_staff, "POST /products/", {"name": "Mug", "price": "5", "sku": "MUG"}, status=400)
    answered(as_staff, "PUT /products/{id}/", {"name": "Cup"}, status=200, id=mug["id"])
    answered(as_staff, "PATCH /products/{id}/", {"slug": "facets"}, status=400, id=mug["id"])
    variant = mug["variants"][0]["id"]
    answered(as_staff, "PATCH /variants/{id}/", {"price": "6"}, status=200, id=variant)
    answered(as_staff, "POST /variants/{id}/stock/", {"set": 3, "reason": "Counted"}, status=200, id=variant)
    answered(as_staff, "POST /variants/{id}/stock/", {"delta": -9, "reason": "Lost"}, status=409, id=variant)
    about = {"product_pk": mug["id"]}
    upload = {"image": image_file(), "alt": "A mug"}
    picture = answered(as_staff, "POST /products/{product_pk}/images/", upload, status=201, multipart=True, **about)
    about["id"] = picture["id"]
    answered(as_staff, "PATCH /products/{product_pk}/images/{id}/", {"alt": "A cup"}, status=200, **about)
    answered(as_staff, "GET /products/{id}/", status=200, id=mug["id"])
    answered(as_staff, "GET /products/", status=200)
    answered(as_staff, "GET /orders/", status=400, query="?status=lost")
    answered(as_staff, "DELETE /products/{id}/", status=204, id=mug["id"])
    answered(as_staff, "POST /webhook-endpoints/", {"url": "x", "types": ["x"]}, status=400)
    answered(as_staff, "GET /webhook-endpoints/", status=400, query="?page_size=-1")


def test_every_status_is_explained() -> None:
    for operation in operations():
        responses = operation.description["responses"]
        assert "default" in responses
        for status in operation.statuses:
            assert status < 400 or responses[str(status)]["description"].startswith(MEANINGS[status])
