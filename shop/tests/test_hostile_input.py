"""Hostile request bodies are refused by every route with 4xx, quickly and without a change."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.conf import settings
from rest_framework.test import APIClient

from accounts.models import User
from cart.promotions.models import Promotion
from catalog.categories import save_category
from catalog.collections.models import Collection
from catalog.models import Category, Product
from conftest import ADDRESS, client_of
from orders import services as orders
from orders.models import Order, ShippingMethod, TaxRate
from orders.reviews.models import Review
from orders.shipping.models import ShippingZone
from payments.models import Payment
from shop.dev.testing.images import image_file
from shop.dev.testing.replies import refusal, refusals
from shop.dev.testing.routes import Operation, alternatives, operations
from shop.dev.testing.steps import API, add_to_cart, dump_database, place_order
from shop.dev.testing.webhooks import make_webhook
from shop.http.limits import body_limit
from shop.webhooks.models import WebhookEndpoint

pytestmark = pytest.mark.django_db

# More than any answer takes on a busy machine: a hang.
HANG_SECONDS = 30.0

NOT_JSON: dict[str, bytes] = {
    "a key twice": b'{"name": "Ada", "name": "Eve"}',
    "NaN": b'{"quantity": NaN}',
    "Infinity": b'{"quantity": -Infinity}',
    "a float out of range": b'{"price": 1e999}',
    "65 bits": b'{"quantity": 9223372036854775808}',
    "5000 digits": b'{"quantity": ' + b"9" * 5000 + b"}",
    "NUL": b'{"name": "A\\u0000da"}',
    "NUL in a key": b'{"na\\u0000me": "Ada"}',
    "a lone surrogate": b'{"name": "\\ud800"}',
    "a lone surrogate in a key": b'{"\\udfff": "Ada"}',
    "33 levels": b'{"attributes": ' + b"[" * 32 + b"]" * 32 + b"}",
    "100,000 levels": b"[" * 100_000 + b"]" * 100_000,
    "100,000 levels of objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "never closed": b'{"name": ' * 50_000,
    "no UTF-8": b'{"name": "\xed\xa0\x80"}',
}
OPERATORS: list[Any] = [
    {"$gt": ""},
    {"$ne": None},
    {"$where": "sleep(10000)", "a.b": {"$set": {"is_staff": True}}},
    ["$id", {"$gt": ""}],
]


# What only staff edit.
RESOURCES: dict[str, Any] = {
    "/customers/": User,
    "/promotions/": Promotion,
    "/reviews/": Review,
    "/shipping/methods/": ShippingMethod,
    "/shipping/zones/": ShippingZone,
    "/tax-rates/": TaxRate,
    "/webhook-endpoints/": WebhookEndpoint,
}


@pytest.fixture
def staff_client(
    staff: User, customer: User, make_product: Callable[..., Product], shipping: Any
) -> Iterator[APIClient]:
    """Staff with a cart, an address, a paid order with a parcel and a return, its payment and a review.

    Every route has its object.
    """
    client = client_of(staff)
    product = make_product(price="10.00", stock=9)
    client.post(f"{API}/products/{product.pk}/images/", {"image": image_file()}, format="multipart")
    client.post(f"{API}/users/me/addresses/", ADDRESS)
    order = Order.objects.get(number=place_order(client, product)["number"])
    orders.mark_paid(order_id=order.pk)
    payment = {"intent": "pi_1", "amount": 1490, "amount_received": 1490, "currency": "usd"}
    Payment.objects.create(order=order, order_number=order.number, user=staff, **payment)
    line = str(order.lines[0].variant)
    assert client.post(f"{API}/orders/{order.number}/fulfilments/", {}).status_code == 201
    returned = {"lines": [{"line": line, "quantity": 1, "reason": "Too small."}]}
    assert client.post(f"{API}/orders/{order.number}/returns/", returned).status_code == 201
    review = {"rating": 5, "title": "Good", "body": "It holds."}
    assert client.post(f"{API}/products/{product.pk}/reviews/", review).status_code == 201
    add_to_cart(client, product)
    Collection.objects.create(name="Summer", slug="summer")
    save_category(category=Category(name="Mugs", slug="mugs"))
    Promotion.objects.create(code="FIVE", kind="percentage", value="5")
    ShippingZone.objects.create(name="Near")
    TaxRate.objects.create(country="JP", rate="10")
    make_webhook()
    return client


@pytest.fixture
def address_of(staff_client: APIClient) -> Callable[[Operation], str]:
    """Return the path of an operation on an existing object."""
    product = staff_client.get(f"{API}/products/{Product.objects.get().pk}/").json()
    order = Order.objects.get()
    ids = {
        "/orders/{number}/fulfilments/": str(order.fulfilments[0].key),
        "/orders/{number}/returns/": str(order.returns[0].key),
        "/products/{product_pk}/images/": product["images"][0]["id"],
        "/products/{product_pk}/reviews/": str(Review.objects.get().pk),
        "/products/": product["id"],
        "/variants/": product["variants"][0]["id"],
        "/cart/items/": staff_client.get(f"{API}/cart/").json()["items"][0]["id"],
        "/users/me/addresses/": staff_client.get(f"{API}/users/me/addresses/").json()["results"][0]["id"],
        "/payments/": str(Payment.objects.get().pk),
        **{path: str(model.objects.first().pk) for path, model in RESOURCES.items()},
    }

    def fill_in(operation: Operation) -> str:
        found = next((pk for beginning, pk in ids.items() if operation.path.startswith(API + beginning)), "")
        path = (
            operation.path.replace("{product_pk}", product["id"])
            .replace("{endpoint_pk}", ids["/webhook-endpoints/"])
            .replace("{number}", order.number)
        )
        return path.replace("{id}", found).replace("{slug}", "summer" if "/collections/" in path else "mugs")

    return fill_in


def takes(media_type: str) -> list[Operation]:
    """Return the operations with a body of this media type."""
    return [each for each in operations() if media_type in each.description.get("requestBody", {}).get("content", {})]


def fields_of(operation: Operation) -> dict[str, Any]:
    """The fields of the operation's body, by name."""
    fields: dict[str, Any] = {}
    for form in alternatives(operation.description["requestBody"]["content"]["application/json"]["schema"]):
        fields |= {name: each for name, each in form.get("properties", {}).items() if each.get("type") != "null"}
    return fields


@contextmanager
def in_time() -> Iterator[None]:
    """Fail if the block keeps the processor busy for long."""
    worked = time.thread_time()
    yield
    assert time.thread_time() - worked < HANG_SECONDS


@pytest.fixture
def send(staff_client: APIClient, address_of: Callable[[Operation], str]) -> Callable[..., Any]:
    """Send a body to an operation, which must answer in time."""

    def send(operation: Operation, body: bytes, content_type: str = "application/json") -> Any:
        address = address_of(operation)
        with in_time():
            return staff_client.generic(operation.method, address, body, content_type=content_type)

    return send


def kept() -> dict[str, list[Any]]:
    return {name: rows for name, rows in dump_database().items() if name != "shop_ratewindow"}


def test_the_routes_that_take_json_are_these_and_each_is_reached(send: Callable[..., Any]) -> None:
    routes = takes("application/json")
    assert len(routes) > 20
    for operation in routes:
        assert send(operation, b'"not an object"').status_code == 400, str(operation)


def test_what_is_no_sound_json_is_400_everywhere(send: Callable[..., Any], subtests: pytest.Subtests) -> None:
    before = kept()
    for operation in takes("application/json"):
        code = "invalid_signature" if operation.path.endswith("/webhook/") else "parse_error"
        for name, body in NOT_JSON.items():
            with subtests.test(f"{operation}: {name}"):
                assert refusal(send(operation, body), 400) == (code, None)
    assert kept() == before


def test_a_body_over_the_limit_is_413_everywhere(send: Callable[..., Any], subtests: pytest.Subtests) -> None:
    before = kept()
    for operation in operations():
        json_limit = body_limit("application/json", path=operation.address, images=1)
        if operation.method in ("POST", "PUT", "PATCH", "DELETE"):
            with subtests.test(str(operation)):
                reply = send(operation, b"[" + b"0," * (json_limit // 2) + b"0]")
                assert refusal(reply, 413) == ("payload_too_large", None)
                multipart = b"x" * (json_limit + settings.MAX_IMAGE_BYTES + 1)
                reply = send(operation, multipart, "multipart/form-data; boundary=x")
                assert refusal(reply, 413) == ("payload_too_large", None)
    assert kept() == before


def test_an_operator_is_no_value_of_any_field(send: Callable[..., Any], subtests: pytest.Subtests) -> None:
    before = kept()
    for operation in takes("application/json"):
        for name in fields_of(operation):
            for value in OPERATORS:
                with subtests.test(f"{operation} {name}={value}"):
                    reply = send(operation, json.dumps({name: value}).encode())
                    if operation.path.endswith("/webhook/"):
                        refusal(reply, 400)
                    else:
                        named = {(attr or "").split(".")[0] for _, attr in refusals(reply, 400)}
                        assert named & {name, "shipping_address", "variants"}, named
    assert kept() == before


def test_an_operator_is_no_name_of_anything_that_is_kept(send: Callable[..., Any]) -> None:
    before = kept()
    for operation in takes("application/json"):
        for field in ("attributes", "options"):
            if field in fields_of(operation):
                for key in ("$gt", "$where", "a.b", "a.$[]", "", ".", "$"):
                    reply = send(operation, json.dumps({field: {key: "x"}}).encode())
                    assert {(attr or "").split(".")[0] for _, attr in refusals(reply, 400)} & {field}, (field, key)
    assert kept() == before


PARAMETERS = ["[$ne]=x", '={"$gt":""}', "=9223372036854775808", "=" + "9" * 400, "=%00", "=%ED%A0%80", "=NaN", "=$id"]


def test_no_parameter_of_a_list_ends_in_a_fault(staff_client: APIClient, subtests: pytest.Subtests) -> None:
    for operation in operations():
        for parameter in operation.description.get("parameters", []):
            for value in PARAMETERS if operation.method == "GET" and parameter["in"] == "query" else []:
                with subtests.test(f"{operation} {parameter['name']}{value}"), in_time():
                    reply = staff_client.get(f"{operation.address}?{parameter['name']}{value}")
                    assert reply.status_code in (200, 400, 404)


def part(headers: str, body: str = "a") -> bytes:
    return f"--x\r\nContent-Disposition: form-data; {headers}\r\n\r\n{body}\r\n".encode("latin-1")


UPLOADS: dict[str, bytes] = {
    "no end": part('name="image"; filename="a.png"'),
    "no header": b"--x\r\n\r\nabc\r\n--x--\r\n",
    "NUL in the name": part('name="im\0age"; filename="\0"') + b"--x--\r\n",
    "a path for a name": part('name="image"; filename="../../../etc/passwd"') + b"--x--\r\n",
    "no such charset": part('name="alt"\r\nContent-Type: text/plain; charset=no-such') + b"--x--\r\n",
    "base64 that is none": part('name="image"; filename="a"\r\nContent-Transfer-Encoding: base64', "%%%")
    + b"--x--\r\n",
    "thousands of parts": b"".join(part(f'name="f{number}"') for number in range(8001)) + b"--x--\r\n",
}


def test_an_upload_of_hostile_parts_is_refused(send: Callable[..., Any], subtests: pytest.Subtests) -> None:
    before = kept()
    for operation in takes("multipart/form-data"):
        for name, body in UPLOADS.items():
            with subtests.test(f"{operation}: {name}"):
                refusals(send(operation, body, "multipart/form-data; boundary=x"), 400)
        for boundary in ("", "; boundary=", "; boundary=\xff", "; boundary=" + "x" * 300):
            with subtests.test(f"{operation}: boundary {boundary[:20]!r}"):
                reply = send(operation, UPLOADS["no end"], f"multipart/form-data{boundary}")
                assert reply.status_code in (400, 415)
                refusals(reply, reply.status_code)
    assert kept() == before
