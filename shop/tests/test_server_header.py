"""No response names the HTTP server, whichever layer answers."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from shop.dev.testing.server import ShopServer, shop_server

pytestmark = pytest.mark.django_db

PATHS = [
    "/livez",
    "/readyz",
    "/api/v1/products/",
    "/api/v1/nothing/",
    "/api/v1/users/me/",
    "/api/schema/",
    "/api/docs/",
    "/admin/login/",
    "/static/shop/admin.css",
    "/static/nothing.css",
    "/media/nothing.webp",
    "/%ff%00/\u0001",
]
# Answered before the application sees a request.
MALFORMED = {
    "no HTTP": b"nonsense\r\n\r\n",
    "no version": b"GET /livez\r\n\r\n",
    "unknown version": b"GET /livez HTTP/9.9\r\nHost: localhost\r\n\r\n",
    "no Host": b"GET /livez HTTP/1.1\r\n\r\n",
    "bad Host": b"GET /livez HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
    "bad length": b"POST /api/v1/auth/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "bad chunk": b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "bad header": b"GET /livez HTTP/1.1\r\nHost: localhost\r\nbad header\r\n\r\n",
    "many headers": b"GET /livez HTTP/1.1\r\nHost: localhost\r\n" + b"X-A: b\r\n" * 300 + b"\r\n",
    "long header": b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: " + b"b" * 500_000 + b"\r\n\r\n",
    "long path": b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "bad method": b"G(T / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "CONNECT": b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n",
    "asterisk": b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "websocket": b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    "expectation": b"POST /readyz HTTP/1.1\r\nHost: localhost\r\nExpect: nothing\r\nContent-Length: 0\r\n\r\n",
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ShopServer]:
    with shop_server(log=tmp_path / "web.log") as server:
        yield server


def answer_to(server: ShopServer, sent: bytes) -> bytes:
    """Return the beginning of the reply to raw bytes; b"" if the connection is closed without one."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        try:
            connection.sendall(sent)
            return connection.recv(65536).partition(b"\r\n\r\n")[0]
        except ConnectionError:
            return b""


def test_no_reply_names_the_http_server(server: ShopServer, subtests: pytest.Subtests) -> None:
    for path in PATHS:
        for method in ("GET", "HEAD", "POST", "OPTIONS"):
            with subtests.test(f"{method} {path}"):
                reply = requests.request(method, server.url + path, timeout=10, allow_redirects=False)
                assert reply.headers["Server"] == "web"
                assert "granian" not in str(reply.headers).lower()
    for name, sent in MALFORMED.items():
        with subtests.test(name):
            assert b"granian" not in answer_to(server, sent).lower()
