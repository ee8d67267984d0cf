"""Slow, idle and hostile connections to the production server: they hold no thread, and others are served."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from django.conf import settings

from accounts.models import User
from payments.simulator.delivery import sign
from shop.testing.server import ShopServer, shop_server
from shop.testing.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

LOGIN, WEBHOOK, PRODUCTS = "/api/v1/auth/login/", "/api/v1/payments/webhook/", "/api/v1/products/"
THREADS = sum(pool["threads"] for pool in settings.SERVER_POOLS.values())


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ShopServer]:
    log = tmp_path / "web.log"
    with shop_server(log=log, DJANGO_SETTINGS_MODULE="shop.testing.impatient_settings") as server:
        yield server


def connect(server: ShopServer, *parts: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    connection.sendall(b"".join(parts))
    return connection


def head(method: str, path: str, *headers: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *headers, "", ""]).encode()


def post(path: str, length: int) -> bytes:
    return head("POST", path, "Content-Type: application/json", f"Content-Length: {length}")


def response_of(connection: socket.socket) -> bytes:
    """Return all that arrives until the server closes the connection."""
    received = b""
    while piece := connection.recv(65536):
        received += piece
    return received


def webhook(server: ShopServer) -> requests.Response:
    event = {"id": f"evt_{time.time_ns()}", "object": "event", "type": "product.created", "created": int(time.time())}
    body = json.dumps(event | {"data": {"object": {"id": "prod_1"}}}).encode()
    signature = sign(body, [settings.STRIPE_WEBHOOK_SECRET], int(time.time()))
    return requests.post(f"{server.url}{WEBHOOK}", data=body, headers={"Stripe-Signature": signature}, timeout=5)


def test_twice_as_many_slow_bodies_as_threads_keep_nobody_from_being_served(server: ShopServer) -> None:
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


def test_a_body_that_ends_early_has_no_effect(server: ShopServer) -> None:
    body = b'{"email": "early@example.com", "password": "correct-horse-battery", "name": "A"}'
    connect(server, post("/api/v1/auth/register/", len(body) + 1), body).close()
    # One more request, so that the first has been dealt with.
    wait_until(lambda: requests.get(f"{server.url}{PRODUCTS}", timeout=5).status_code == 200)
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


def test_twelve_hundred_idle_connections_keep_nobody_from_being_served(server: ShopServer) -> None:
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


def test_a_header_with_underscores_is_not_taken_for_the_one_with_hyphens(server: ShopServer) -> None:
    given = "0123456789abcdef"
    reply = requests.get(f"{server.url}/livez", headers={"X_Request_ID": given}, timeout=5)
    assert reply.headers["X-Request-ID"] != given
    assert (
        requests.get(f"{server.url}/livez", headers={"X-Request-ID": given}, timeout=5).headers["X-Request-ID"] == given
    )


@pytest.mark.parametrize("path", ["/api/v1/products/caf%C3%A9/", "/api/v1/products/%ff%fe/", "/api/v1/products/%00/"])
def test_paths_of_any_bytes_are_answered(server: ShopServer, path: str) -> None:
    with connect(server, head("GET", path, "Connection: close")) as connection:
        assert response_of(connection).split(b" ", 2)[1] in (b"404", b"400")


def test_headers_of_any_bytes_are_answered(server: ShopServer) -> None:
    hostile = head("GET", PRODUCTS, "Connection: close")[:-2] + b"Cookie: a=\xff\xfe\r\nX-Cart-Token: \xe9\r\n\r\n"
    with connect(server, hostile) as connection:
        assert response_of(connection).startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 400 "))


def test_static_files_and_head_requests_are_served(server: ShopServer) -> None:
    docs = requests.get(f"{server.url}/api/docs/", timeout=10)
    assert docs.status_code == 200
    script = docs.text.split('src="')[1].split('"')[0]
    whole = requests.get(f"{server.url}{script}", timeout=10)
    assert (
        len(whole.content) == int(requests.head(f"{server.url}{script}", timeout=10).headers["Content-Length"]) > 1000
    )
