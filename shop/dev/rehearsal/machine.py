"""A machine in production: MongoDB, nginx with TLS, the services of a release, and Stripe, simulated, behind TLS."""

import contextlib
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import requests
from django.conf import settings
from django.core.management.base import CommandError
from pymongo import MongoClient

from shop.dev import mongod
from shop.dev.mongod import free_port
from shop.dev.processes import last_lines, spawn
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.environment import ENVIRONMENT, production

HOST = "shop.example.com"
PASSWORD = "the-first-of-the-staff"  # noqa: S105
STAFF = "boss@shop.example.com"
_START_SECONDS = 120.0
_STOP_SECONDS = 60.0
# The SDK has a list of certification authorities of its own, which lacks that of the machine.
_TRUST = """import os
if "REHEARSAL_CERTIFICATE" in os.environ:
    import stripe
    stripe.ca_bundle_path = os.environ["REHEARSAL_CERTIFICATE"]
"""
# Stripe's API and its deliveries, which in production come through TLS.
_STRIPE = """
    server {{
        listen 127.0.0.1:{api} ssl;
        ssl_certificate {folder}/certificate.pem;
        ssl_certificate_key {folder}/key.pem;
        location / {{
            proxy_pass {simulator};
        }}
    }}
    server {{
        listen 127.0.0.1:{webhooks};
        location /api/v1/payments/webhook/ {{
            proxy_pass http://shop;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host {host};
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto https;
        }}
    }}
"""


class Release:
    """A folder with code, and the services that run from it."""

    def __init__(self, machine: "Machine", folder: Path, *, python: Path) -> None:
        self.machine, self.folder, self._python = machine, folder, python
        self.port = free_port()
        self._services: dict[str, subprocess.Popen[bytes]] = {}

    def manage(self, *arguments: str, codes: tuple[int, ...] = (0,), **variables: str) -> str:
        """Return the output of a command. Raises :class:`CommandError` unless its exit code is one of ``codes``."""
        done = subprocess.run(  # noqa: S603
            [self._python, "manage.py", *arguments],
            cwd=self.folder,
            env={**self._environment, "LOG_LEVEL": "ERROR", **variables},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        output = done.stdout + done.stderr
        if done.returncode not in codes:
            raise CommandError(f"`manage.py {arguments[0]}` exited with {done.returncode}:\n{output[-3000:]}")
        return output

    def start(self, service: str) -> None:
        """Start ``serve`` and wait until it is ready, or ``worker``."""
        with self._log(service).open("wb") as log:
            self._services[service] = spawn(
                [self._python, "manage.py", service], stdout=log, env=self._environment, folder=self.folder
            )
        if service == "serve":
            self._wait(service, self._is_ready)
        else:
            self._wait(service, lambda: "worker started" in self._log(service).read_text())

    def stop(self, service: str) -> None:
        """Send SIGTERM and wait. Raises :class:`CommandError` if the service does not end in time and with 0."""
        process = self._services.pop(service)
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            _kill(process)
            raise CommandError(f"`manage.py {service}` did not end within {_STOP_SECONDS:g} s of SIGTERM.") from None
        if code:
            raise CommandError(f"`manage.py {service}` ended with {code}: {last_lines(self._log(service))}")

    def kill(self) -> None:
        for process in self._services.values():
            _kill(process)
        self._services.clear()

    def _is_ready(self) -> bool:
        with contextlib.suppress(requests.RequestException):
            headers = {"Host": HOST, "X-Forwarded-Proto": "https"}
            return requests.get(f"http://127.0.0.1:{self.port}/readyz", headers=headers, timeout=10).ok
        return False

    def _wait(self, service: str, reached: Callable[[], bool]) -> None:
        give_up_at = time.monotonic() + _START_SECONDS
        while not reached():
            if self._services[service].poll() is not None or time.monotonic() > give_up_at:
                raise CommandError(f"`manage.py {service}` did not start: {last_lines(self._log(service))}")
            time.sleep(0.1)

    def _log(self, service: str) -> Path:
        return self.folder.with_name(f"{self.folder.name}-{service}.log")

    @property
    def _environment(self) -> dict[str, str]:
        return {**self.machine.environment, "PORT": str(self.port), "DATA_DIR": str(self.folder / "data")}


class Machine:
    """Use it from the main thread: its processes end with the thread that started them."""

    def __init__(self, folder: Path, stripe: StripeSimulator, *, install: bool) -> None:
        self.folder, self.stripe, self._install = folder, stripe, install
        self.port, self._stripe_port, self._webhook_port, self._redirect_port = (free_port() for _ in range(4))
        self.url = f"https://127.0.0.1:{self.port}"
        self.certificate = folder / "certificate.pem"
        self.releases: list[Release] = []
        # A storefront's server, whose requests are counted by the address of the shopper that it names.
        self.storefront_key = secrets.token_urlsafe(32)
        self._settings = production()
        self._proxy: subprocess.Popen[bytes] | None = None
        self._make_certificate()
        (folder / "site").mkdir()
        (folder / "site" / "sitecustomize.py").write_text(_TRUST)
        self._database = mongod.start(self._data)
        stripe.set_webhook(f"http://127.0.0.1:{self._webhook_port}/api/v1/payments/webhook/")

    @property
    def _data(self) -> Path:
        return self.folder / "mongodb"

    @property
    def environment(self) -> dict[str, str]:
        """The settings of the deployment, without those of the shell."""
        return {
            **{name: value for name, value in self._settings.items() if name in ENVIRONMENT},
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PYTHONPATH": str(self.folder / "site"),
            "REHEARSAL_CERTIFICATE": str(self.certificate),
            "MONGO_URI": self._database.uri,
            "ALLOWED_HOSTS": HOST,
            "STRIPE_API_BASE": f"https://127.0.0.1:{self._stripe_port}",
            "STRIPE_SECRET_KEY": self.stripe.account.secret_key,
            "STRIPE_PUBLISHABLE_KEY": self.stripe.account.publishable_key,
            "STRIPE_WEBHOOK_SECRET": self.stripe.webhook_secret,
            "TRUSTED_PROXIES": "1",
            "BEHIND_TLS_PROXY": "1",
            "STOREFRONT_KEYS": self.storefront_key,
            "WEB_WORKERS": "1",
            # Rendered and dropped.
            "EMAIL_URL": "dummymail://",
            "BCRYPT_ROUNDS": "10",
        }

    def deploy(self, name: str, copy: Callable[[Path], None]) -> Release:
        """Copy a release, install its packages and collect its static files."""
        folder = self.folder / name
        copy(folder)
        python = Path(sys.executable)
        if self._install:
            subprocess.run([sys.executable, "-m", "venv", folder / ".venv"], check=True)  # noqa: S603
            python = folder / ".venv" / "bin" / "python"
            pip = [python, "-m", "pip", "install", "--quiet", "--requirement", "requirements.txt"]
            subprocess.run(pip, cwd=folder, check=True)  # noqa: S603
        release = Release(self, folder, python=python)
        release.manage("collectstatic", "--noinput")
        self.releases.append(release)
        return release

    def send_requests_to(self, release: Release) -> None:
        """Let nginx pass new requests to this release; those in flight end where they are."""
        (self.folder / "nginx.conf").write_text(self._nginx_configuration(release.port))
        if self._proxy is None:
            command = ["nginx", "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"), "-g", "daemon off;"]
            with (self.folder / "nginx.log").open("ab") as log:
                self._proxy = spawn(command, stdout=log, env={"PATH": os.environ["PATH"]})
            self._wait_for_proxy()
        else:
            former = _children(self._proxy)
            self._proxy.send_signal(signal.SIGHUP)
            give_up_at = time.monotonic() + _STOP_SECONDS
            while former & _children(self._proxy):
                if time.monotonic() > give_up_at:
                    raise CommandError("nginx did not end its former workers.")
                time.sleep(0.05)

    def back_up(self) -> Path:
        """Copy the data files while writes wait, as a snapshot of the disk would."""
        backup = self.folder / "backup"
        client: MongoClient[dict[str, Any]] = MongoClient("127.0.0.1", self._database.ports[0], directConnection=True)
        with client:
            client.admin.command("fsync", lock=True)
            try:
                shutil.copytree(self._data, backup, ignore=shutil.ignore_patterns("mongod.lock", "mongod.log"))
            finally:
                client.admin.command("fsyncUnlock")
        return backup

    def destroy_database(self) -> None:
        for process in self._database.processes:
            process.kill()
            process.wait()
        shutil.rmtree(self._data)

    def restore(self, backup: Path) -> None:
        shutil.copytree(backup, self._data)
        self._database = mongod.start(self._data, port=self._database.ports[0])

    def close(self) -> None:
        for release in self.releases:
            release.kill()
        if self._proxy is not None:
            _kill(self._proxy)
        self._database.stop(data_matters=False)

    def _make_certificate(self) -> None:
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={HOST}"]
        command += ["-addext", f"subjectAltName=DNS:{HOST},IP:127.0.0.1"]
        command += ["-keyout", str(self.folder / "key.pem"), "-out", str(self.certificate)]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603

    def _nginx_configuration(self, upstream: int) -> str:
        text = Path(settings.BASE_DIR, "docs", "deploy", "nginx.conf").read_text()
        text = text.replace("/etc/ssl/shop/fullchain.pem", str(self.certificate))
        text = text.replace("/etc/ssl/shop/privkey.pem", str(self.folder / "key.pem"))
        text = text.replace("127.0.0.1:8000", f"127.0.0.1:{upstream}")
        text = re.sub(r"\n *listen \[::\].*;", "", text)
        text = text.replace("listen 80;", f"listen 127.0.0.1:{self._redirect_port};")
        text = text.replace("listen 443", f"listen 127.0.0.1:{self.port}")
        added = _STRIPE.format(
            api=self._stripe_port,
            webhooks=self._webhook_port,
            folder=self.folder,
            simulator=self.stripe.url,
            host=HOST,
        )
        own = f"pid {self.folder}/nginx.pid;\nerror_log {self.folder}/nginx-errors.log;\n"
        own += "user root;\n" if os.geteuid() == 0 else ""
        return own + text.rstrip().removesuffix("}") + added + "}\n"

    def _wait_for_proxy(self) -> None:
        give_up_at = time.monotonic() + _START_SECONDS
        while mongod.port_is_free(self.port):
            if time.monotonic() > give_up_at or (self._proxy and self._proxy.poll() is not None):
                raise CommandError(f"nginx did not start: {last_lines(self.folder / 'nginx.log')}")
            time.sleep(0.05)


def _children(process: subprocess.Popen[bytes]) -> set[int]:
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return {int(pid) for pid in listed.split()}


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        # It leads a session: the group is exactly its processes.
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)


@contextlib.contextmanager
def machine_in(folder: Path, *, install: bool) -> Iterator[Machine]:
    key = secrets.token_hex(12)
    with StripeSimulator(
        secret_key=f"sk_test_{key}",
        publishable_key=f"pk_test_{key}",
        webhook_secret=f"whsec_{key}",
        first_retry=0.5,
    ) as stripe:
        machine = Machine(folder, stripe, install=install)
        try:
            yield machine
        finally:
            machine.close()
