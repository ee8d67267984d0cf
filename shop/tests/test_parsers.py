"""JSON that the API accepts and refuses."""

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from shop.dev.testing.replies import refusal, refusals

pytestmark = pytest.mark.django_db

ME = "/api/v1/users/me/"


def patch(client: APIClient, body: bytes, content_type: str = "application/json"):
    return client.generic("PATCH", ME, body, content_type=content_type)


BROKEN: dict[str, bytes] = {
    "no JSON": b"{name: Ada}",
    "cut off": b'{"name": "Ad',
    "two documents": b"{} {}",
    "nothing but space": b"  ",
    "trailing comma": b'{"name": "Ada",}',
    "a key twice": b'{"name": "Ada", "name": "Eve"}',
    "a key twice further down": b'{"name": "Ada", "more": [{"a": 1, "a": 2}]}',
    "NaN": b'{"name": NaN}',
    "Infinity": b'{"name": -Infinity}',
    "a float out of range": b'{"name": 1e999}',
    "65 bits": b'{"name": 9223372036854775808}',
    "65 bits below zero": b'{"name": -9223372036854775809}',
    "5000 digits": b'{"name": ' + b"9" * 5000 + b"}",
    "a lone surrogate": b'{"name": "\\ud800"}',
    "a lone surrogate in a key": b'{"\\udfff": "Ada"}',
    "surrogates in the wrong order": b'{"name": "\\udc00\\ud800"}',
    "NUL": b'{"name": "A\\u0000da"}',
    "NUL in a key": b'{"na\\u0000me": "Ada"}',
    "a raw control character": b'{"name": "A\x00da"}',
    "33 levels": b'{"name": ' + b"[" * 32 + b"]" * 32 + b"}",
    "10,000 levels of lists": b"[" * 10_000 + b"]" * 10_000,
    "10,000 levels of objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "10,000 levels never closed": b"[" * 10_000,
    "latin-1": b'{"name": "\xc4da"}',
    "UTF-16": '{"name": "Ada"}'.encode("utf-16"),
    "overlong UTF-8": b'{"name": "\xc0\xaf"}',
    "surrogates as UTF-8": b'{"name": "\xed\xa0\x80"}',
    "a byte order mark": b'\xef\xbb\xbf{"name": "Ada"}',
}


def test_what_is_no_sound_json_is_400_and_changes_nothing(
    customer: User, as_customer: APIClient, subtests: pytest.Subtests
) -> None:
    before = User.objects.filter(pk=customer.pk).values().get()
    for name, body in BROKEN.items():
        with subtests.test(name):
            reply = patch(as_customer, body)
            assert refusal(reply, 400) == ("parse_error", None)
            assert reply.json()["type"] == "client_error"
            assert len(reply.content) < 500
    assert User.objects.filter(pk=customer.pk).values().get() == before


NO_OBJECTS: list[Any] = [[], [{"name": "Ada"}], "name", 5, 1.5, True, False, None]
ROUTES = [
    ("patch", ME),
    ("post", "/api/v1/auth/register/"),
    ("post", "/api/v1/auth/login/"),
    ("post", "/api/v1/auth/refresh/"),
    ("post", "/api/v1/auth/logout/"),
    ("post", "/api/v1/auth/password/change/"),
    ("post", "/api/v1/users/me/addresses/"),
    ("post", "/api/v1/cart/items/"),
    ("put", "/api/v1/cart/coupon/"),
    ("post", "/api/v1/orders/"),
    ("post", "/api/v1/orders/quote/"),
    ("post", "/api/v1/payments/"),
    ("post", "/api/v1/products/"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_json_that_is_no_object_is_400_wherever_one_is_expected(
    as_staff: APIClient, method: str, path: str, subtests: pytest.Subtests
) -> None:
    for body in NO_OBJECTS:
        with subtests.test(body=body):
            reply = as_staff.generic(method.upper(), path, json.dumps(body), content_type="application/json")
            assert {attr for _, attr in refusals(reply, 400)} <= {None, "non_field_errors"}


def test_sound_json_of_any_kind_is_read_as_it_is(as_customer: APIClient) -> None:
    for name in ("Ädä 漢字 🙂", "<script>", "a\tb", "\\u0041"):
        for ascii_only in (True, False):
            body = json.dumps({"name": name, "ignored": [2**63 - 1, -(2**63), 1.5, None]}, ensure_ascii=ascii_only)
            assert patch(as_customer, body.encode()).json()["name"] == name
    assert patch(as_customer, b'{"name": "\\ud83d\\ude42"}').json()["name"] == "🙂"
    deep = b'{"name": "Ada", "ignored": ' + b"[" * 30 + b"]" * 30 + b"}"
    assert patch(as_customer, deep).json()["name"] == "Ada"


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON"])
def test_json_may_say_its_charset(as_customer: APIClient, content_type: str) -> None:
    assert patch(as_customer, b'{"name": "Countess"}', content_type).json()["name"] == "Countess"


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/jsonp",
        "application/vnd.api+json",
        "nonsense",
    ],
)
def test_another_media_type_is_415_and_changes_nothing(as_customer: APIClient, content_type: str) -> None:
    reply = patch(as_customer, b'{"name": "Eve"}', content_type)
    assert refusal(reply, 415) == ("unsupported_media_type", None)
    assert User.objects.get().name == "Ada"
