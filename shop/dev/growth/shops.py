"""A shop with its own MongoDB and server."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import requests
from django.conf import settings
from pymongo import MongoClient

from shop.dev import mongod
from shop.dev.bench import contestants
from shop.dev.demo import history, terms
from shop.dev.growth.addresses import Address
from shop.dev.processes import ProcessError, last_lines, spawn

TIMEOUT = 120
# Nothing listens there: neither Stripe nor Cloudinary is called.
NOWHERE = "https://127.0.0.1:9"
_ADMIN = {"email": terms.STAFF["email"], "password": terms.STAFF["password"]}
_REGULAR = {"email": history.REGULAR, "password": history.PASSWORD}


class Done(NamedTuple):
    """A finished command."""

    seconds: float
    peak_mb: float
    code: int
    output: str
    errors: str


class Shop:
    """Serve with production settings, beside others on the same cores. Use it in a ``with`` block."""

    def __init__(self, name: str, *, folder: Path, orders: int, cache_gb: float) -> None:
        self.name, self.orders = name, orders
        self._folder, self._cache_gb = folder / name, cache_gb
        self._headers: dict[str, dict[str, str]] = {}
        self._http = requests.Session()
        self._http.trust_env = False

    def __enter__(self) -> "Shop":
        with contextlib.ExitStack() as stack:
            self._folder.mkdir(parents=True)
            self._replica_set = mongod.start(self._folder / "data", cache_gb=self._cache_gb)
            stack.callback(self._replica_set.stop, data_matters=False)
            self.client = stack.enter_context(MongoClient[dict[str, Any]](self._replica_set.uri))
            self.database = self.client["shop"]
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def seed(self) -> None:
        contestants.fill_shop(self._replica_set.uri, self._folder, ["--orders", str(self.orders)])

    @contextlib.contextmanager
    def served(self) -> Iterator[None]:
        server = contestants.shop(
            self.name, uri=self._replica_set.uri, folder=self._folder, cores=",".join(map(str, _cores()))
        )
        server.environment = self.environment
        server.start()
        self._url = server.url
        try:
            yield
        finally:
            server.stop()

    @property
    def environment(self) -> Mapping[str, str]:
        if not hasattr(self, "_environment"):
            # Secrets are generated once.
            self._environment = contestants.shop_environment(self._replica_set.uri, self._folder) | {
                "DJANGO_SETTINGS_MODULE": "shop.dev.growth.settings",
                "STRIPE_API_BASE": NOWHERE,
                "CLOUD_API_BASE": NOWHERE,
                "EMAIL_URL": "dummymail://",
            }
        return self._environment

    @property
    def media(self) -> Path:
        return self._folder / "media"

    # --- Requests -----------------------------------------------------------------------------------------------------

    def request(self, who: str, path: str, *, method: str = "GET", **options: Any) -> tuple[float, requests.Response]:
        """Return milliseconds and the reply. Log in again if the access token has expired."""
        if who not in self._headers:
            self._headers[who] = self._log_in(who)
        milliseconds, reply = self._send(who, path, method, options)
        if reply.status_code == 401 and who not in ("guest", "admin"):
            self._headers[who] = self._log_in(who)
            milliseconds, reply = self._send(who, path, method, options)
        return milliseconds, reply

    def _send(self, who: str, path: str, method: str, options: Mapping[str, Any]) -> tuple[float, requests.Response]:
        others = {**options, "headers": {**self._headers[who], **options.get("headers", {})}}
        began = time.perf_counter()
        reply = self._http.request(method, f"{self._url}{path}", timeout=TIMEOUT, allow_redirects=False, **others)
        return (time.perf_counter() - began) * 1000, reply

    def _log_in(self, who: str) -> dict[str, str]:
        if who == "guest":
            return {}
        if who == "admin":
            return self._log_in_to_admin()
        credentials = {"staff": _ADMIN, "regular": _REGULAR}.get(who) or {"email": who, "password": history.PASSWORD}
        reply = self._http.post(f"{self._url}/api/v1/auth/login/", json=credentials, timeout=TIMEOUT)
        reply.raise_for_status()
        return {"Authorization": f"Bearer {reply.json()['access']}"}

    def _log_in_to_admin(self) -> dict[str, str]:
        """Send cookies by hand: they are secure ones, and this is HTTP."""
        address = f"{self._url}/{settings.ADMIN_PATH}login/"
        with requests.Session() as http:
            http.trust_env = False
            token = _cookie(http.get(address, timeout=TIMEOUT), "csrf")
            name, value = token
            form = {"username": _ADMIN["email"], "password": _ADMIN["password"], "csrfmiddlewaretoken": value}
            headers = {"Cookie": f"{name}={value}"}
            reply = http.post(address, data=form, headers=headers, timeout=TIMEOUT, allow_redirects=False)
        if reply.status_code != 302:
            raise ProcessError(f"The login to the admin answers {reply.status_code}.")
        cookies = [_cookie(reply, "session"), _cookie(reply, "csrf")]
        return {
            "Cookie": "; ".join(f"{name}={value}" for name, value in cookies),
            "X-CSRFToken": cookies[1][1],
        }

    # --- Commands -----------------------------------------------------------------------------------------------------

    def addresses(self) -> list[Address]:
        done = self.run("-m", "shop.dev.growth.addresses")
        if done.code:
            raise ProcessError(f"The addresses of {self.name} were not found: {done.errors}")
        return [Address(*each) for each in json.loads(done.output)]

    def manage(self, *arguments: str, **environment: str) -> Done:
        return self.run("manage.py", *arguments, **environment)

    def run(self, *arguments: str, **environment: str) -> Done:
        log, errors = self._folder / "command.log", self._folder / "command.errors"
        began = time.monotonic()
        with log.open("wb") as output, errors.open("wb") as error_output:
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=error_output,
                env={**self.environment, **environment},
                cwd=settings.BASE_DIR,
            )
            # Unlike `wait`, it returns the peak of this process alone.
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - began
        output = log.read_text(errors="replace")
        return Done(seconds, usage.ru_maxrss / 1024, process.returncode, output, last_lines(errors))

    @contextlib.contextmanager
    def worker(self) -> Iterator[None]:
        with (self._folder / "worker.log").open("ab") as log:
            command = [sys.executable, "manage.py", "worker"]
            process = spawn(command, stdout=log, env=self.environment, folder=Path(settings.BASE_DIR))
        try:
            yield
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()
            process.wait()

    def wait_until(self, is_done: Callable[[], bool], *, seconds: float) -> float | None:
        """Return the seconds it took, or None."""
        began = time.monotonic()
        while not is_done():
            if time.monotonic() - began > seconds:
                return None
            time.sleep(0.25)
        return time.monotonic() - began


def _cookie(reply: requests.Response, part: str) -> tuple[str, str]:
    for name, value in reply.cookies.items():
        if part in name:
            return name, value
    raise ProcessError(f"{reply.url} sets no {part} cookie ({reply.status_code}).")


def _cores() -> Sequence[int]:
    return sorted(os.sched_getaffinity(0))
