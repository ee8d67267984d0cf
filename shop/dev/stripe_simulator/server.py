import json
import re
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import urlsplit

from . import bank, control
from .api import Answer, Api, Call
from .control import ControlPlane
from .errors import ApiError
from .events import API_VERSION
from .faults import Fault
from .store import new_id

_MOST_BODY = 1 << 20
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, Stripe-Version",
    "Access-Control-Expose-Headers": "Request-Id, Stripe-Version, Idempotent-Replayed",
    "Access-Control-Max-Age": "300",
}
_GARBAGE = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
_RATE_LIMIT = Answer(
    429,
    {"error": {"type": "invalid_request_error", "code": "rate_limit", "message": "Request rate limit exceeded."}},
)


@contextmanager
def _peer_may_be_gone() -> Iterator[None]:
    with suppress(OSError):
        yield


class Front(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, port: int, api: Api, plane: ControlPlane) -> None:
        self.api = api
        self.plane = plane
        self.closing = threading.Event()
        self._open: dict[threading.Thread, socket.socket] = {}
        self._open_lock = threading.Lock()
        super().__init__(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name="stripe-front", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self.closing.set()
        self.shutdown()
        self._thread.join()
        self.server_close()
        with self._open_lock:
            still = dict(self._open)
        for connection in still.values():
            with _peer_may_be_gone():
                connection.shutdown(socket.SHUT_RDWR)
        for thread in still:
            thread.join(5)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open[threading.current_thread()] = request
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._open_lock:
                del self._open[threading.current_thread()]

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "stripe-simulator"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 75

    @property
    def front(self) -> Front:
        return cast(Front, self.server)

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_DELETE = do_PUT = do_PATCH = do_OPTIONS = do_GET  # noqa: N815

    def _serve(self) -> None:
        body = self._body()
        if body is None:
            return
        url = urlsplit(self.path)
        if url.path.startswith("/_simulator/"):
            self._send(self._control(url.path.removeprefix("/_simulator/"), url.query, body))
        elif self.command == "OPTIONS":
            self._send(Answer(204, b""))
        else:
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._api(Call(self.command, url.path, url.query, headers, body))

    def _body(self) -> bytes | None:
        """Return None for a refused body."""
        length = self.headers.get("Content-Length", "0")
        wrong = not (length.isascii() and length.isdigit()) or "Transfer-Encoding" in self.headers
        if wrong or int(length) > _MOST_BODY:
            self.close_connection = True
            self._send(Answer(413 if not wrong else 400, {"error": _error("Invalid request body length.")}))
            return None
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            return None
        return body

    def _api(self, call: Call) -> None:
        fault = self.front.plane.faults.take(call.method, call.path)
        outcome: int | str
        if fault is None or fault.kind in ("slow", "server_error"):
            answer = self.front.api.answer(call, fault)
            outcome = answer.status
            self._count(call, outcome)
            self._send(answer, request_id=call.id)
            return
        self._count(call, fault.kind)
        if fault.acts:
            self.front.api.answer(call)
        if fault.kind == "rate_limit":
            self._send(_RATE_LIMIT, request_id=call.id)
        elif fault.kind == "garbage":
            self._send(Answer(200, _GARBAGE, {"Content-Type": "text/html"}))
        else:
            if fault.kind == "black_hole":
                self._hang(fault)
            self._reset()

    def _count(self, call: Call, outcome: int | str) -> None:
        endpoint = f"{call.method} {re.sub(r'/(pi|ch|re|du|evt)_[^/]*', '/{id}', call.path)}"
        with self.front.plane.account.store.changed:
            statuses = self.front.plane.calls.setdefault(endpoint, {})
            statuses[str(outcome)] = statuses.get(str(outcome), 0) + 1

    def _hang(self, fault: Fault) -> None:
        """Wait until the outage ends, the caller leaves or the simulator closes."""
        self.connection.settimeout(0.05)
        waited = 0.0
        while waited < fault.seconds and not fault.cleared.is_set() and not self.front.closing.is_set():
            try:
                if not self.connection.recv(1, socket.MSG_PEEK):
                    return
                fault.cleared.wait(0.05)
            except TimeoutError:
                pass
            except OSError:
                return
            waited += 0.05

    def _reset(self) -> None:
        self.close_connection = True
        with _peer_may_be_gone():
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            # `makefile` holds the descriptor; only detaching closes the connection.
            socket.close(self.connection.detach())

    def _control(self, name: str, query: str, body: bytes) -> Answer:
        plane = self.front.plane
        try:
            if name.startswith("bank/"):
                intent = name.removeprefix("bank/")
                if self.command == "POST":
                    address = bank.decide(plane.account, intent, query, body.decode(errors="replace"))
                    return Answer(303, b"", {"Location": address})
                return Answer(
                    200, bank.page(plane.account, intent, query), {"Content-Type": "text/html; charset=utf-8"}
                )
            arguments = json.loads(body) if body else {}
            return Answer(200, {"result": control.call(plane, name, arguments)})
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
            return Answer(400, {"error": _error("The body is not valid JSON.")})
        except ApiError as error:
            return Answer(error.status, {"error": error.error})

    def _send(self, answer: Answer, request_id: str | None = None) -> None:
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Request-Id": request_id or new_id("req", 14),
            "Stripe-Version": self.headers.get("Stripe-Version", API_VERSION),
            **_CORS,
            **answer.headers,
        }
        if (key := self.headers.get("Idempotency-Key")) is not None:
            headers["Idempotency-Key"] = key
        with _peer_may_be_gone():
            self.send_response(answer.status)
            for name, value in headers.items():
                # Values from requests may hold line breaks or non-Latin-1 characters.
                self.send_header(name, value.encode("latin-1", "replace").decode("latin-1").replace("\n", " "))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

    def log_message(self, *_args: Any) -> None:
        """Do not log."""


def _error(message: str) -> dict[str, str]:
    return {"type": "invalid_request_error", "message": message}
