import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import requests
from django.conf import settings
from django.db import connection

from shop.dev.mongod import free_port
from shop.dev.processes import last_lines, spawn
from shop.http.server import server_command

START_SECONDS = 60


class ShopServer:
    """Can be killed and restarted on its port."""

    def __init__(self, *, log: Path, workers: int = 1, port: int | None = None, **environment: str) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log
        self._command = server_command(self.port, workers=workers)
        if "MONGO_URI" not in environment:
            environment["MONGO_URI"] = database_uri()
        self._environment = {**os.environ, **environment}

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = spawn(self._command, stdout=log, env=self._environment, folder=settings.BASE_DIR)
        give_up_at = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up_at:
            with contextlib.suppress(requests.RequestException):
                if requests.get(f"{self.url}/readyz", timeout=2).ok:
                    return
            time.sleep(0.05)
        # The caller cannot stop it yet.
        self.kill()
        raise AssertionError(f"the server did not start: {last_lines(self.log)}")

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            # It leads a session: the group is exactly its processes.
            os.killpg(self._process.pid, 9)
        self._process.wait(10)


@contextlib.contextmanager
def shop_server(*, log: Path, workers: int = 1, **environment: str) -> Iterator[ShopServer]:
    server = ShopServer(log=log, workers=workers, **environment)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def database_uri() -> str:
    parts = urlsplit(settings.DATABASES["default"]["HOST"])
    return urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}"))
