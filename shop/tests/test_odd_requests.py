"""Unusual requests to the production server get the common error shape, from the right pool."""

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
from django.conf import settings

from catalog.models import Product
from shop.dev.testing.raw_http import connect, head, response_of
from shop.dev.testing.server import ShopServer, shop_server

pytestmark = pytest.mark.django_db(transaction=True)

LOGIN, PRODUCTS = "/api/v1/auth/login/", "/api/v1/products/"
JSON = "Content-Type: application/json"
BODY = b'{"email": "a@example.com", "password": "x"}'


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ShopServer]:
    with shop_server(log=tmp_path / "web.log") as server:
        yield server


@pytest.fixture
def busy_server(tmp_path: Path) -> Iterator[ShopServer]:
    with shop_server(log=tmp_path / "web.log", DJANGO_SETTINGS_MODULE="shop.dev.testing.busy_settings") as server:
        yield server


def answer(server: ShopServer, method: str, path: str | bytes, *headers: str, body: bytes = b"") -> bytes:
    length = [f"Content-Length: {len(body)}"] if body else []
    with connect(server, head(method, path, "Connection: close", *length, *headers), body) as connection:
        return response_of(connection)


def status(reply: bytes) -> int:
    return int(reply.split(b" ", 2)[1])


def test_a_header_with_underscores_is_not_taken_for_the_one_with_hyphens(server: ShopServer) -> None:
    given = "0123456789abcdef"
    reply = requests.get(f"{server.url}/livez", headers={"X_Request_ID": given}, timeout=5)
    assert reply.headers["X-Request-ID"] != given
    assert (
        requests.get(f"{server.url}/livez", headers={"X-Request-ID": given}, timeout=5).headers["X-Request-ID"] == given
    )


def test_paths_of_any_bytes_are_answered(server: ShopServer) -> None:
    for path in ("caf%C3%A9/", "café/", "%ff%fe/", "%00/"):
        assert status(answer(server, "GET", f"{PRODUCTS}{path}")) in (404, 400)


def test_headers_of_any_bytes_are_answered(server: ShopServer) -> None:
    hostile = head("GET", PRODUCTS, "Connection: close")[:-2] + b"Cookie: a=\xff\xfe\r\nX-Cart-Token: \xe9\r\n\r\n"
    with connect(server, hostile) as connection:
        assert response_of(connection).startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 400 "))


def test_a_query_of_raw_bytes_is_read_like_an_encoded_one(
    server: ShopServer, make_product: Callable[..., Product]
) -> None:
    make_product("Café 東京")
    for word in ("Café", "東京", quote("東京")):
        assert b'"count":1,' in answer(server, "GET", f"{PRODUCTS}?search={word}")
    assert status(answer(server, "GET", PRODUCTS.encode() + b"?search=caf\xe9")) in (200, 400)


@pytest.mark.parametrize(("digits", "expected"), [("0" * 5000 + str(len(BODY)), 401), ("9" * 5000, 400)])
def test_a_length_of_thousands_of_digits_is_read_or_refused(server: ShopServer, digits: str, expected: int) -> None:
    request = head("POST", LOGIN, JSON, "Connection: close", f"Content-Length: {digits}")
    with connect(server, request, BODY) as connection:
        assert status(response_of(connection)) == expected


MALFORMED_TYPES = [
    "multipart/form-data; boundary*=xx'yy'zz",
    "application/json; charset*=no-such-encoding'en'a",
    "multipart/form-data; boundary*=%00'%00'%00",
]


OTHER_TYPES = ["a/b; c=" + "d" * 20_000, "charset", ";;;", "text/plain; charset=rot13", "multipart/form-data"]


def test_a_content_type_that_cannot_be_parsed_is_415(server: ShopServer, subtests: pytest.Subtests) -> None:
    for path in (LOGIN, PRODUCTS, "/admin/login/", "/livez"):
        for content_type in MALFORMED_TYPES:
            with subtests.test(f"{path} {content_type}"):
                reply = answer(server, "POST", path, f"Content-Type: {content_type}", body=BODY)
                assert status(reply) == 415
                assert b"server: web" in reply.lower()
    for content_type in OTHER_TYPES:
        with subtests.test(content_type[:30]):
            assert status(answer(server, "POST", LOGIN, f"Content-Type: {content_type}", body=BODY)) in (400, 401, 415)


COSTLY = [
    ("POST", LOGIN, JSON),
    ("post", LOGIN, JSON),
    ("PoSt", LOGIN.rstrip("/"), JSON),
    ("POST", "/api/v1/%61uth/login/", JSON),
    ("POST", "/api/v1/auth%2Flogin/", JSON),
    ("POST", f"http://127.0.0.1{LOGIN}", JSON),
    ("POST", f"{LOGIN}?a=b", JSON),
    ("POST", "/api/v1/auth/password/reset/confirm/", JSON),
    ("delete", "/api/v1/users/me/", JSON),
    ("get", "/api/v1/products/facets/", JSON),
    ("head", "/api/v1/products/facets", JSON),
    ("get", "/api/schema", JSON),
    ("PUT", "/api/v1/users/me/avatar/", "Content-Type: multipart/form-data; boundary=a"),
    ("PUT", "/api/v1/users/me/avatar/", "Content-Type: Multipart/Form-Data; boundary=a"),
    ("PUT", "/api/v1/users/me/avatar/", "Content-Type:  MULTIPART/FORM-DATA ; boundary=a"),
]


def test_no_spelling_of_a_costly_request_gets_around_its_pool(
    busy_server: ShopServer, subtests: pytest.Subtests
) -> None:
    for method, path, content_type in COSTLY:
        with subtests.test(f"{method} {path} {content_type}"):
            reply = answer(busy_server, method, path, content_type, body=BODY)
            assert status(reply) == 503
            # Refusals, too, have a pool; this one is full.
            assert b"server: web" in reply.lower()
            assert b"retry-after: 2" in reply.lower()
    assert requests.get(f"{busy_server.url}{PRODUCTS}", timeout=5).status_code == 200


def test_a_busy_shop_reads_a_large_body_only_of_staff(server: ShopServer) -> None:
    large = f"Content-Length: {5 * settings.MAX_IMAGE_BYTES}"
    form = "Content-Type: multipart/form-data; boundary=a"
    for session in ("A: b", "Cookie: sessionid=abc", "Cookie: sessionid=a\u0301"):
        with connect(server, head("POST", "/admin/login/", "Connection: close", large, form, session)) as connection:
            assert status(response_of(connection)) == 413


def test_static_files_and_head_requests_are_served(server: ShopServer) -> None:
    docs = requests.get(f"{server.url}/api/docs/", timeout=10)
    assert docs.status_code == 200
    script = docs.text.split('src="')[1].split('"')[0]
    whole = requests.get(f"{server.url}{script}", timeout=10)
    assert (
        len(whole.content) == int(requests.head(f"{server.url}{script}", timeout=10).headers["Content-Length"]) > 1000
    )
