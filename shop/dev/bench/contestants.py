import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import requests
from django.conf import settings

from shop.dev.bench.scenarios import CATEGORIES, USERS, PeerVisitor, Visitor
from shop.dev.bench.wrk import EAGER, Crowd
from shop.dev.mongod import free_port
from shop.dev.processes import ProcessError, last_lines, spawn
from shop.dev.testing.environment import production
from shop.dev.testing.schema import prepare_database
from shop.http.server import server_command

START_SECONDS = 60
BCRYPT_ROUNDS = 10


@dataclass
class Contestant:
    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    port: int
    log: Path
    # Polled until it answers.
    first_path: str
    visitor_class: type[Visitor] = Visitor
    cores: str = "0"
    crowd: Crowd = EAGER
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        if self._process is None or self._process.poll() is not None:
            raise ProcessError(f"{self.name} has ended; {self.log} ends with:\n{last_lines(self.log)}")
        return self._process.pid

    def start(self) -> None:
        """Wait until it serves. Raises ``ProcessError``."""
        with self.log.open("ab") as log:
            command = ["taskset", "-c", self.cores, *self.command]
            self._process = spawn(command, stdout=log, env=self.environment, folder=self.folder)
        give_up_at = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up_at and self.pid:
            with contextlib.suppress(requests.RequestException):
                if requests.get(f"{self.url}{self.first_path}", timeout=2).ok:
                    return
            time.sleep(0.05)
        raise ProcessError(f"{self.name} did not serve within {START_SECONDS} s; {last_lines(self.log)}")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
            self._process.kill()
            self._process.wait()

    def visitor(self) -> Visitor:
        return self.visitor_class(self.url)


# --- The shop ---------------------------------------------------------------------------------------------------------

# Commands by port and number of processes; servers with threads get eight per process.
SERVERS = {
    "granian": lambda port, processes: server_command(port, workers=processes),
    # Measures the cost of buffering slow clients: this one does not.
    "granian WSGI": lambda port, processes: [
        *(sys.executable, "-m", "granian", "shop.wsgi:application", "--interface", "wsgi", "--port", str(port)),
        *("--http", "1", "--no-ws", "--workers", str(processes), "--blocking-threads", "8"),
    ],
    "gunicorn": lambda port, processes: [
        *(sys.executable, "-m", "gunicorn", "shop.wsgi:application", "--bind", f"127.0.0.1:{port}"),
        *("--worker-class", "gthread", "--threads", "8", "--workers", str(processes), "--keep-alive", "60"),
    ],
    "uvicorn": lambda port, processes: [
        *(sys.executable, "-m", "uvicorn", "--factory", "django.core.asgi:get_asgi_application", "--port", str(port)),
        *("--workers", str(processes), "--no-access-log", "--log-level", "warning"),
    ],
}


def shop(
    name: str,
    *,
    uri: str,
    folder: Path,
    server: str = "granian",
    processes: int = 1,
    cores: str = "0",
    rate_limits: bool = True,
    crowd: Crowd = EAGER,
) -> Contestant:
    port = free_port()
    return Contestant(
        name=name,
        command=SERVERS[server](port, processes),
        environment=shop_environment(uri, folder, rate_limits=rate_limits),
        folder=Path(settings.BASE_DIR),
        port=port,
        log=folder / f"{name}.log",
        first_path="/readyz",
        cores=cores,
        crowd=crowd,
    )


def shop_environment(uri: str, folder: Path, *, rate_limits: bool = True) -> dict[str, str]:
    return production(uri) | {
        "DJANGO_SETTINGS_MODULE": f"shop.dev.bench.settings{'' if rate_limits else '_without_limits'}",
        "DATA_DIR": str(folder),
        "ALLOWED_HOSTS": "127.0.0.1",
        "SECURE_SSL_REDIRECT": "0",
        # The load sends each buyer's network address.
        "TRUSTED_PROXIES": "1",
        "BCRYPT_ROUNDS": str(BCRYPT_ROUNDS),
    }


def seed_shop(uri: str, folder: Path, *, products: int) -> None:
    size = ["--products", str(products), "--categories", str(CATEGORIES), "--images", "3", "--users", str(USERS)]
    fill_shop(uri, folder, size)


def fill_shop(uri: str, folder: Path, arguments: Sequence[str]) -> None:
    """Create the database with ``manage.py seed``."""
    environment = shop_environment(uri, folder) | {"DEBUG": "1", "LOG_LEVEL": "WARNING"}

    def manage(*command: str) -> None:
        subprocess.run(  # noqa: S603
            [sys.executable, "manage.py", *command], env=environment, cwd=settings.BASE_DIR, check=True
        )

    prepare_database(uri, lambda: manage("migrate", "--noinput", "--verbosity", "0"))
    manage("seed", *arguments)


# --- The peer ---------------------------------------------------------------------------------------------------------


def peer(name: str, *, uri: str, code: Path, folder: Path) -> Contestant:
    port = free_port()
    return Contestant(
        name=name,
        command=["node", "server.js"],
        environment=_peer_environment(uri) | {"PORT": str(port)},
        folder=code,
        port=port,
        log=folder / f"{name}.log",
        first_path="/api/v1/products",
        visitor_class=PeerVisitor,
    )


def _peer_environment(uri: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "NODE_ENV": "production", "MONGO_URI": uri}


def seed_peer(uri: str, code: Path, *, products: int) -> None:
    command = ["node", "seed.js", str(products), str(USERS)]
    subprocess.run(command, env=_peer_environment(uri), cwd=code, check=True, capture_output=True)  # noqa: S603
