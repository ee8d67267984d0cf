"""A server that receives webhooks and, by their path, accepts them, fails, redirects or hangs."""

import json
import threading
import time
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HOST = "127.0.0.2"
HANGS_SECONDS = 15.0


class Receiver:
    """``accepted`` has the messages by path, in the order of their answers. ``/fails`` fails until ``recover``."""

    def __init__(self) -> None:
        self.accepted: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self.asked: defaultdict[str, int] = defaultdict(int)
        self._fails = True
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                message = json.loads(self.rfile.read(int(self.headers["content-length"])))
                status = receiver.answer(self.path, message)
                try:
                    self.send_response(status)
                    self.send_header("location", "/elsewhere")
                    self.end_headers()
                except OSError:
                    # The worker was killed, or did not wait.
                    return

            def log_message(self, *arguments: Any) -> None:
                """Keep the terminal clean."""

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def url(self, path: str, host: str = HOST) -> str:
        return f"http://{host}:{self.port}{path}"

    def recover(self) -> None:
        self._fails = False

    def answer(self, path: str, message: dict[str, Any]) -> int:
        with self._lock:
            self.asked[path] += 1
        if path == "/hangs":
            time.sleep(HANGS_SECONDS)
        if path == "/redirects":
            return 302
        if path == "/fails" and self._fails:
            return 500
        with self._lock:
            self.accepted[path].append(message)
        return 204

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
