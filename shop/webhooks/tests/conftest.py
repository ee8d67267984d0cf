import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson
import pytest
from rest_framework.test import APIClient

from shop.changes.numbering import number_due
from shop.dev.testing.steps import API
from shop.webhooks import dispatching

ENDPOINTS = f"{API}/webhook-endpoints/"


class Receiver:
    """A server that keeps what it receives, and answers as told: a status, or seconds to wait with one."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.requests: list[tuple[dict[str, str], bytes]] = []
        # By the path; 204 for others.
        self.answers: dict[str, Callable[[Any], int]] = {}
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                message = {**orjson.loads(body), "path": self.path}
                answer = receiver.answers.get(self.path, lambda message: 204)(message)
                receiver.requests.append((headers, body))
                receiver.messages.append({**message, "status": answer})
                self.send_response(answer)
                if 300 <= answer < 400:
                    self.send_header("location", f"{receiver.url}/elsewhere")
                self.end_headers()

            def log_message(self, *arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def at(self, path: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["path"] == path]


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.DEBUG = True
    server = Receiver()
    yield server
    server.close()


@pytest.fixture
def add_endpoint(as_staff: APIClient, receiver: Receiver) -> Callable[..., dict[str, Any]]:
    def add(path: str = "/hook", **fields: Any) -> dict[str, Any]:
        body = {"url": f"{receiver.url}{path}", "types": ["order.*", "product.*", "stock.*"], **fields}
        reply = as_staff.post(ENDPOINTS, body)
        assert reply.status_code == 201, reply.content
        return reply.json()

    return add


def deliver() -> None:
    """Do what a worker does, until nothing is due."""
    number_due()
    dispatching.deliver_due()


def slow(seconds: float, status: int = 204) -> Callable[[Any], int]:
    def answer(message: Any) -> int:
        time.sleep(seconds)
        return status

    return answer
