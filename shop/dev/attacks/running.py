import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from django.conf import settings

from shop.dev import mongod
from shop.dev.attacks.attackers import ATTACKS, Target
from shop.dev.mongod import free_port
from shop.dev.processes import ProcessError, last_lines, spawn
from shop.dev.testing.environment import production

START_SECONDS = 90
SERVER_PROCESSES = 2
NGINX = settings.BASE_DIR / "docs" / "deploy" / "nginx.conf"


@dataclass(frozen=True)
class Seen:
    """Times in seconds."""

    requests: int
    refused: dict[str, int]
    p50: float
    p95: float
    longest: float

    @classmethod
    def of(cls, raw: dict[str, Any]) -> "Seen":
        times = sorted(took for each in raw["seconds"].values() for took in each)
        p95 = statistics.quantiles(times, n=20)[18] if len(times) > 1 else times[0]
        return cls(len(times), raw["refused"], statistics.median(times), p95, times[-1])

    @property
    def holds(self) -> bool:
        return not self.refused and self.p95 < 1


class Run:
    """``tree``: the checkout to attack."""

    def __init__(self, stream: Any, *, tree: Path, products: int, seconds: float, proxy: bool) -> None:
        self._stream, self._tree, self._products, self._seconds, self._proxy = stream, tree, products, seconds, proxy
        self.seen: dict[str, Seen] = {}

    def all(self, names: list[str]) -> None:
        """Measure without an attack, then each attack on a fresh server."""
        with tempfile.TemporaryDirectory(prefix="shop-attack-") as folder, mongod.temporary() as database:
            self._folder, self._environment = Path(folder), self._make_environment(database.uri, Path(folder))
            self._seed()
            for name in ["nothing", *names]:
                attack = next((each for each in ATTACKS if each.__name__ == name), None)
                with self._served() as url:
                    self.seen[name] = self._one(url, attack)
                self._stream.write(f"{name:<18} {line(self.seen[name])}\n")

    def _one(self, url: str, attack: Any) -> Seen:
        target = Target(url, threading.Event())
        attacker = threading.Thread(target=attack, args=(target,)) if attack else None
        if attacker:
            attacker.start()
            # The bystanders start after the attack.
            time.sleep(3)
        try:
            raw = self._bystanders(url)
        finally:
            target.stop.set()
            if attacker:
                attacker.join(120)
        return Seen.of(raw)

    def _bystanders(self, url: str) -> dict[str, Any]:
        secret = self._environment["STRIPE_WEBHOOK_SECRET"]
        command = [sys.executable, "-m", "shop.dev.attacks.bystanders", url, str(self._seconds), secret]
        done = subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise ProcessError(f"The bystanders failed: {done.stderr[-2000:]}")
        return json.loads(done.stdout)

    def _make_environment(self, uri: str, folder: Path) -> dict[str, str]:
        return production(uri) | {
            "DJANGO_SETTINGS_MODULE": "attack_settings",
            # The tree may be older than this package, so its settings are copied.
            "PYTHONPATH": str(folder),
            "DATA_DIR": str(folder),
            "ALLOWED_HOSTS": "127.0.0.1",
            "SECURE_SSL_REDIRECT": "0",
            "TRUSTED_PROXIES": "1" if self._proxy else "0",
            "CLOUD_NAME": "shop",
            "LOG_LEVEL": "WARNING",
        }

    def _seed(self) -> None:
        source = Path(__file__).with_name("settings.py").read_text()
        (self._folder / "attack_settings.py").write_text(source)
        environment = self._environment | {"DEBUG": "1", "DJANGO_SETTINGS_MODULE": "shop.settings"}
        size = ["--products", str(self._products), "--categories", "20", "--images", "0", "--users", "1"]
        for arguments in (["migrate", "--noinput", "--verbosity", "0"], ["seed", *size]):
            command = [sys.executable, "manage.py", *arguments]
            subprocess.run(command, env=environment, cwd=self._tree, check=True, stdout=subprocess.DEVNULL)  # noqa: S603

    def _server_command(self, port: int) -> list[str]:
        """Use the command of the tree's own code."""
        code = (
            "try:\n    from shop.http.server import server_command\n"
            # Older checkouts.
            "except ImportError:\n    from shop.server import server_command\n"
            f"print(*server_command({port}, workers={SERVER_PROCESSES}), sep='\\n')"
        )
        made = [sys.executable, "-c", code]
        return subprocess.check_output(made, cwd=self._tree, text=True).splitlines()  # noqa: S603

    @contextlib.contextmanager
    def _served(self) -> Iterator[str]:
        port = free_port()
        command = self._server_command(port)
        log = self._folder / "web.log"
        with contextlib.ExitStack() as stack:
            stack.enter_context(_process(command, log=log, environment=self._environment, folder=self._tree))
            _wait_until_ready(f"http://127.0.0.1:{port}", log)
            if self._proxy:
                front = free_port()
                configuration = nginx_configuration(self._folder, port=front, upstream=port)
                proxy = ["nginx", "-p", str(self._folder), "-c", str(configuration), "-g", "daemon off;"]
                stack.enter_context(_process(proxy, log=log, environment=dict(os.environ), folder=self._folder))
                port = front
                _wait_until_ready(f"http://127.0.0.1:{port}", log)
            yield f"http://127.0.0.1:{port}"


def nginx_configuration(folder: Path, *, port: int, upstream: int) -> Path:
    text = NGINX.read_text()
    text = re.sub(r"\n *listen \[::\].*;", "", text)
    text = re.sub(r"listen 80;", f"listen 127.0.0.1:{free_port()};", text)
    text = re.sub(r"listen 443 ssl http2;", f"listen 127.0.0.1:{port};", text)
    text = re.sub(r"\n *ssl_.*;", "", text)
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{upstream}")
    path = folder / "nginx.conf"
    own = f"pid {folder}/nginx.pid;\n"
    if os.geteuid() == 0:
        own += f"user root;\nerror_log {folder}/nginx.log;\n"
    path.write_text(own + text)
    return path


@contextlib.contextmanager
def _process(command: list[str], *, log: Path, environment: dict[str, str], folder: Path) -> Iterator[None]:
    with log.open("ab") as output:
        process = spawn(command, stdout=output, env=environment, folder=folder)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait(10)


def _wait_until_ready(url: str, log: Path) -> None:
    give_up_at = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up_at:
        with contextlib.suppress(requests.RequestException):
            if requests.get(f"{url}/readyz", timeout=2).ok:
                return
        time.sleep(0.05)
    raise ProcessError(f"{url} did not become ready; {last_lines(log)}")


def line(seen: Seen) -> str:
    refused = ", ".join(f"{count} × {name}" for name, count in sorted(seen.refused.items())) or "none refused"
    return (
        f"{seen.requests:>6} requests, p50 {seen.p50 * 1000:,.0f} ms, p95 {seen.p95 * 1000:,.0f} ms, "
        f"longest {seen.longest:.1f} s; {refused}"
    )
