"""Slow, idle and hostile connections to the production server occupy no thread, and others are served."""

import contextlib
import json
import random
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from bson import ObjectId
from django.conf import settings
from django.db import connection as database_connection
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tokens import issue_tokens
from catalog.models import Product, Variant
from orders.models import Order
from shop.api import streaming
from shop.dev.stripe_simulator.delivery import sign
from shop.dev.testing.admin import browser_of, url_of
from shop.dev.testing.failures import failing
from shop.dev.testing.raw_http import connect, head, response_of
from shop.dev.testing.server import ShopServer, shop_server
from shop.dev.testing.steps import place_order

pytestmark = pytest.mark.django_db(transaction=True)

LOGIN, REGISTER = "/api/v1/auth/login/", "/api/v1/auth/register/"
WEBHOOK, PRODUCTS = "/api/v1/payments/webhook/", "/api/v1/products/"
THREADS = sum(pool["threads"] for pool in settings.SERVER_POOLS.values())


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ShopServer]:
    log = tmp_path / "web.log"
    with shop_server(log=log, DJANGO_SETTINGS_MODULE="shop.dev.testing.impatient_settings") as server:
        yield server


def post(path: str, length: int) -> bytes:
    return head("POST", path, "Content-Type: application/json", f"Content-Length: {length}")


def webhook(server: ShopServer) -> requests.Response:
    event = {"id": f"evt_{time.time_ns()}", "object": "event", "type": "product.created", "created": int(time.time())}
    body = json.dumps(event | {"livemode": False, "data": {"object": {"id": "prod_1"}}}).encode()
    signature = sign(body, [settings.STRIPE_WEBHOOK_SECRET], int(time.time()))
    return requests.post(f"{server.url}{WEBHOOK}", data=body, headers={"Stripe-Signature": signature}, timeout=5)


def test_twice_as_many_slow_bodies_as_threads_block_no_other_request(server: ShopServer) -> None:
    with contextlib.ExitStack() as stack:
        slow = [
            stack.enter_context(connect(server, post((LOGIN, WEBHOOK)[number % 2], 40), b"{"))
            for number in range(2 * THREADS)
        ]
        for _ in range(5):
            assert requests.get(f"{server.url}{PRODUCTS}", timeout=5).status_code == 200
            assert requests.get(f"{server.url}/livez", timeout=5).status_code == 200
            assert webhook(server).status_code == 200
            login = requests.post(f"{server.url}{LOGIN}", json={"email": "a@example.com", "password": "x"}, timeout=5)
            assert login.status_code == 401
        for connection in slow:
            answer = response_of(connection)
            assert answer.startswith(b"HTTP/1.1 408 "), answer
            assert b'"code":"request_timeout"' in answer
            assert b"x-content-type-options: nosniff" in answer.lower()


def test_a_body_in_pieces_within_its_time_is_served(server: ShopServer) -> None:
    body = b'{"email": "a@example.com", "password": "x"}'
    with connect(server, post(LOGIN, len(body)), body[:10]) as connection:
        for start in range(10, len(body), 10):
            time.sleep(0.1)
            connection.sendall(body[start : start + 10])
        assert connection.recv(65536).startswith(b"HTTP/1.1 401 ")


CHUNKED = head("POST", REGISTER, "Content-Type: application/json", "Transfer-Encoding: chunked", "Connection: close")
ACCOUNT = b'{"email": "early@example.com", "password": "correct-horse-battery", "name": "A"}'
CHUNK = b"%x\r\n%s\r\n" % (len(ACCOUNT), ACCOUNT)


def test_a_body_that_ends_early_has_no_effect(server: ShopServer) -> None:
    for sent in (post(REGISTER, len(ACCOUNT) + 1) + ACCOUNT, CHUNKED + CHUNK):
        with connect(server, sent) as connection:
            connection.shutdown(socket.SHUT_WR)
            assert not response_of(connection).startswith(b"HTTP/1.1 2")
        connect(server, sent).close()
    # The pool serves its requests in order: when this one is answered, the others have been.
    account = {"email": "next@example.com", "password": "correct-horse-battery", "name": "B"}
    assert requests.post(f"{server.url}{REGISTER}", json=account, timeout=5).status_code == 201
    assert User.objects.get().email == "next@example.com"


def test_a_chunked_body_that_is_malformed_has_no_effect(server: ShopServer) -> None:
    for end in (b"ZZ\r\n\r\n", b"-1\r\n\r\n", b"5\r\nhello", b"\n0\r\n\r\n"):
        with connect(server, CHUNKED + CHUNK + end) as connection:
            assert response_of(connection).split(b" ", 2)[1] in (b"400", b"408")
    assert not User.objects.exists()


def test_a_chunked_body_is_read_and_limited_like_any_other(server: ShopServer) -> None:
    body = b'{"email": "a@example.com", "password": "x"}'
    json_type = {"Content-Type": "application/json"}
    reply = requests.post(f"{server.url}{LOGIN}", data=iter([body[:7], body[7:]]), headers=json_type, timeout=5)
    assert reply.status_code == 401
    too_much = (b" " * 65536 for _ in range(settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 65536 + 2))
    with contextlib.suppress(requests.ConnectionError):
        reply = requests.post(f"{server.url}{LOGIN}", data=too_much, headers=json_type, timeout=5)
        assert reply.status_code == 413


def test_slow_bodies_of_one_client_leave_places_for_the_others(server: ShopServer) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(150):
            stack.enter_context(connect(server, post(WEBHOOK, 40), b"{", source="127.0.0.2"))
        login = requests.post(f"{server.url}{LOGIN}", json={"email": "a@example.com", "password": "x"}, timeout=5)
        assert login.status_code == 401


def test_twelve_hundred_idle_connections_block_no_other_request(server: ShopServer) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(1200):
            stack.enter_context(connect(server))
        assert requests.get(f"{server.url}{PRODUCTS}", timeout=5).status_code == 200
        assert requests.get(f"{server.url}/livez", timeout=5).status_code == 200


def test_a_response_that_is_not_read_holds_no_thread(server: ShopServer) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(2 * THREADS):
            stack.enter_context(connect(server, head("GET", "/api/schema/") * 20))
        assert requests.get(f"{server.url}{PRODUCTS}", timeout=10).status_code == 200


@pytest.mark.parametrize("name", ["export_csv", "export_xlsx"])
def test_a_download_that_is_not_read_holds_no_thread(
    server: ShopServer, staff: User, make_product: Callable[..., Product], name: str
) -> None:
    # Six megabytes: the description is in every row and does not compress.
    variants = [{"sku": f"A{number}", "options": {"size": str(number)}, "price": "1.00"} for number in range(400)]
    make_product(description=random.Random(1).randbytes(7_500).hex(), variants=variants)
    cookie = f"Cookie: {settings.SESSION_COOKIE_NAME}={browser_of(staff).cookies[settings.SESSION_COOKIE_NAME].value}"
    export = head("GET", url_of("catalog.product", name), cookie)
    with contextlib.ExitStack() as stack:
        slow = [
            stack.enter_context(connect(server, export)) for _ in range(settings.SERVER_POOLS["admin"]["threads"] + 2)
        ]
        for connection in slow:
            assert connection.recv(12) == b"HTTP/1.1 200"
        assert requests.get(f"{server.url}/admin/login/", timeout=15).status_code == 200


def test_an_export_that_fails_halfway_is_no_file(
    server: ShopServer, staff: User, make_product: Callable[..., Product], as_staff: APIClient
) -> None:
    """The exports of products and of a long history of orders, which one test checks to start the server once."""
    product = make_product()
    cookies = {settings.SESSION_COOKIE_NAME: browser_of(staff).cookies[settings.SESSION_COOKIE_NAME].value}
    export = server.url + url_of("catalog.product", "export_csv")
    # The first command reads the names of the columns, the second one the rows.
    with failing("aggregate", Variant, skip=1, errorCode=8, appName="shop"):
        reply = requests.get(export, cookies=cookies, timeout=10)
    assert (reply.status_code, reply.headers["Server"]) == (500, "web")
    with failing("aggregate", Variant, skip=1, errorCode=50, appName="shop"):
        reply = requests.get(export, cookies=cookies, timeout=10)
    assert (reply.status_code, reply.headers["Retry-After"]) == (503, "2")
    whole = requests.get(export, cookies=cookies, timeout=10)
    assert (whole.status_code, whole.content[:7]) == (200, b"\xef\xbb\xbfsku,")
    assert int(whole.headers["Content-Length"]) == len(whole.content)

    place_order(as_staff, product)
    orders = database_connection.database[Order._meta.db_table]
    order = {**orders.find_one(), "note": "n" * 500}
    orders.insert_many({**order, "_id": ObjectId(), "number": f"N{n}", "cart": ObjectId()} for n in range(1_500))
    history = f"{server.url}/api/v1/users/me/export/"
    headers = {"Authorization": f"Bearer {issue_tokens(staff)['access']}"}
    with failing("aggregate", Order, skip=14, errorCode=50, appName="shop"):
        reply = requests.get(history, headers=headers, timeout=30)
    assert (reply.status_code, reply.headers["Retry-After"]) == (503, "2")
    whole = requests.get(history, headers=headers, timeout=30)
    assert whole.status_code == 200
    assert int(whole.headers["Content-Length"]) == len(whole.content) > streaming.STREAMED_FROM
    assert len(whole.json()["orders"]) == 1_501
