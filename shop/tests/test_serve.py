"""`manage.py serve` as a process: what it refuses, and how it stops."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from django.conf import settings
from django.core.management import CommandError, call_command, get_commands

from accounts.models import KnownNetwork
from catalog.models import Product
from shop.dev.attacks.running import nginx_configuration
from shop.dev.mongod import free_port
from shop.dev.processes import spawn
from shop.dev.testing.environment import production
from shop.dev.testing.failures import failing
from shop.dev.testing.server import database_uri
from shop.dev.testing.waiting import wait_until
from shop.http.server import server_command

pytestmark = pytest.mark.django_db(transaction=True)

SERVE = [sys.executable, "manage.py", "serve"]


def environment(**variables: str) -> dict[str, str]:
    return {**os.environ, "MONGO_URI": database_uri(), "WEB_WORKERS": "1", **variables}


def refusal(*options: str, **variables: str) -> str:
    """Return the message of a server that must not start."""
    done = subprocess.run(
        [*SERVE, *options],
        cwd=settings.BASE_DIR,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


class Server:
    """The process that `manage.py serve` became."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process, self.port, self.log = process, port, log
        self.url = f"http://127.0.0.1:{port}"

    def get(self, path: str, **options: Any) -> requests.Response:
        return requests.get(f"{self.url}{path}", timeout=20, **options)

    def is_ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        with contextlib.suppress(requests.RequestException):
            return self.get("/readyz").ok
        return False


@contextlib.contextmanager
def serving(log: Path, *options: str, **variables: str) -> Iterator[Server]:
    port = int(variables.setdefault("PORT", str(free_port())))
    with log.open("ab") as output:
        process = spawn([*SERVE, *options], stdout=output, env=environment(**variables), folder=settings.BASE_DIR)
    server = Server(process, port, log)
    try:
        wait_until(server.is_ready, seconds=60)
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


# --- Starting ---------------------------------------------------------------------------------------------------------


def test_serve_becomes_the_tested_command_line(tmp_path: Path) -> None:
    with serving(tmp_path / "web.log", WEB_WORKERS="2") as server:
        running = Path(f"/proc/{server.process.pid}/cmdline").read_bytes().decode().split("\0")[:-1]
        assert running == server_command(server.port, workers=2)
        assert server.log.read_text().count("Spawning worker-") == 2
        listening = subprocess.check_output(["cat", "/proc/net/tcp"], text=True)
        assert f"0100007F:{server.port:04X} 00000000:0000 0A" in listening


def test_options_replace_the_variables_and_a_relative_folder_keeps_its_base(tmp_path: Path) -> None:
    port = free_port()
    options = ["--port", str(port), "--workers", "1", "--host", "127.0.0.2"]
    log = tmp_path / "web.log"
    with log.open("ab") as output:
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "serve", *options]
        variables = {"PORT": "1", "WEB_WORKERS": "3", "HOST": "127.0.0.3", "DATA_DIR": "data"}
        process = spawn(command, stdout=output, env=environment(**variables), folder=tmp_path)
    try:

        def answers() -> bool:
            with contextlib.suppress(requests.RequestException):
                return requests.get(f"http://127.0.0.2:{port}/livez", headers={"Host": "localhost"}, timeout=2).ok
            return False

        wait_until(answers, seconds=60)
        found = (Path(f"/proc/{process.pid}/environ").read_bytes()).split(b"\0")
        assert f"DATA_DIR={tmp_path}/data".encode() in found
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def test_serve_refuses_a_port_in_use_even_one_that_could_be_shared() -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        expected = f"CommandError: Port {port} is in use: stop the process that uses it, or choose another PORT.\n"
        assert refusal(PORT=str(port)) == expected
        with pytest.raises(CommandError, match=f"^Port {port} is in use"):
            call_command("serve", "--port", str(port), "--host", "0.0.0.0")


def test_serve_reads_its_address_from_the_environment() -> None:
    assert refusal(HOST="localhost").startswith("CommandError: HOST must be an IP address of this machine")


@pytest.mark.parametrize(
    ("options", "variables", "message"),
    [
        (["--host", "shop.example.com"], {}, "HOST must be an IP address of this machine"),
        ([], {"HOST": "203.0.113.7"}, "HOST must be an IP address of this machine"),
        (["--port", "70000"], {}, "PORT must be a whole number from 1 to 65535"),
        (["--workers", "0"], {}, "WEB_WORKERS must be a whole number from 1 to 256"),
    ],
)
def test_serve_refuses_what_it_cannot_bind(
    options: list[str], variables: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setattr(settings, name, value)
    with pytest.raises(CommandError, match=f"^{message}"):
        call_command("serve", *options)


def test_serve_refuses_to_start_without_collected_static_files(tmp_path: Path) -> None:
    # The settings of production, with another folder than the checkout's, which may have been collected.
    (tmp_path / "own_settings.py").write_text(
        f"from shop.settings import *\nSTATIC_ROOT = {str(tmp_path / 'staticfiles')!r}\n"
    )
    variables = production(database_uri()) | {"DJANGO_SETTINGS_MODULE": "own_settings", "PYTHONPATH": str(tmp_path)}
    variables["PORT"] = str(free_port())
    said = refusal(**variables)
    assert said.endswith("is not among the collected static files: run `manage.py collectstatic --noinput` first.\n")


# --- Stopping ---------------------------------------------------------------------------------------------------------


def test_requests_in_flight_are_answered_when_the_server_is_asked_to_stop(tmp_path: Path) -> None:
    slow = {"blockConnection": True, "blockTimeMS": 4000, "appName": "shop"}
    with serving(tmp_path / "web.log") as server, ThreadPoolExecutor(2) as pool, contextlib.ExitStack() as idle:
        # Neither a connection without a request nor one that is kept open may delay the stop.
        idle.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        session = idle.enter_context(requests.Session())
        assert session.get(f"{server.url}/livez", timeout=5).ok
        with failing("aggregate", Product, **slow) as wait_until_met:
            listing = pool.submit(server.get, "/api/v1/products/")
            wait_until_met()
            server.process.send_signal(signal.SIGTERM)
            reply = listing.result()
        assert (reply.status_code, reply.json()["count"]) == (200, 0)
        assert server.process.wait(15) == 0
        with pytest.raises(requests.ConnectionError):
            server.get("/livez")


def test_a_login_in_flight_is_answered_when_the_server_is_asked_to_stop(tmp_path: Path) -> None:
    slow = {"blockConnection": True, "blockTimeMS": 500, "appName": "shop"}
    with serving(tmp_path / "web.log", BCRYPT_ROUNDS="13", RATE_LIMITS="on") as server, ThreadPoolExecutor(1) as pool:
        with failing("find", KnownNetwork, **slow) as wait_until_met:
            credentials = {"email": "nobody@example.com", "password": "a-wrong-password"}
            login = pool.submit(requests.post, f"{server.url}/api/v1/auth/login/", json=credentials, timeout=20)
            wait_until_met()
            # Then the password is hashed, which takes about a second of a processor.
            server.process.send_signal(signal.SIGTERM)
        assert login.result().status_code == 401
        assert server.process.wait(15) == 0


# --- The proxy --------------------------------------------------------------------------------------------------------


def test_the_shipped_proxy_passes_only_true_addresses_and_its_own_errors_are_like_the_apis(tmp_path: Path) -> None:
    with serving(tmp_path / "web.log", TRUSTED_PROXIES="1", RATE_LIMITS="on") as server, proxy(tmp_path, server) as url:
        passes_the_clients_address_and_no_forged_one(server, url)
        answers_in_the_shape_of_the_api(server, url)


def passes_the_clients_address_and_no_forged_one(server: Server, url: str) -> None:
    assert requests.get(f"{url}/api/v1/products/", timeout=10).status_code == 200
    assert log_in(server.url, "198.51.100.1") == 401
    statuses = [log_in(url, f"198.51.100.{number}") for number in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    # The limit is that of the address that nginx saw, and of no other.
    assert log_in(server.url, "127.0.0.1") == 429
    assert log_in(server.url, "198.51.100.2") == 401


def answers_in_the_shape_of_the_api(server: Server, url: str) -> None:
    with contextlib.ExitStack() as stack:
        port = int(url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(b"POST /api/v1/orders/ HTTP/1.1\r\nHost: a\r\nContent-Length: 13000000\r\n\r\n")
            head, _, body = connection.recv(65536).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 413 ")
        assert json.loads(body)["errors"][0]["code"] == "payload_too_large"
        slow: list[socket.socket] = []

        def is_refused_beside_slow_requests() -> bool:
            # The proxy closes slow ones after ten seconds, so a busy machine may need another hundred.
            opened = [
                stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10)) for _ in range(110)
            ]
            for connection in opened:
                connection.sendall(b"POST /api/v1/orders/ HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{")
            slow.extend(opened)
            return requests.get(f"{url}/livez", timeout=5).status_code == 429

        wait_until(is_refused_beside_slow_requests)
        refused = requests.get(f"{url}/livez", timeout=5)
        assert (refused.json()["errors"][0]["code"], refused.headers["Retry-After"]) == ("throttled", "2")
        for connection in slow:
            connection.close()
        wait_until(lambda: requests.get(f"{url}/livez", timeout=5).ok)
        os.killpg(server.process.pid, signal.SIGKILL)
        reply = requests.get(f"{url}/api/v1/products/", timeout=10)
        assert (reply.status_code, reply.headers["Retry-After"]) == (503, "2")
        assert reply.json()["errors"][0]["code"] == "service_unavailable"


def log_in(url: str, forged_address: str) -> int:
    headers = {"X-Forwarded-For": forged_address, "X_Forwarded_For": forged_address}
    credentials = {"email": "ada@example.com", "password": "a-wrong-password"}
    return requests.post(f"{url}/api/v1/auth/login/", json=credentials, headers=headers, timeout=10).status_code


@contextlib.contextmanager
def proxy(folder: Path, server: Server) -> Iterator[str]:
    """Run nginx with the shipped configuration; yield its address."""
    if not (nginx := shutil.which("nginx")):
        pytest.skip("nginx is not installed")
    port = free_port()
    configuration = nginx_configuration(folder, port=port, upstream=server.port)
    command = [nginx, "-p", str(folder), "-c", str(configuration)]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    with (folder / "proxy.log").open("ab") as output:
        process = spawn([*command, "-g", "daemon off;"], stdout=output, folder=folder)
    try:

        def answers() -> bool:
            with contextlib.suppress(requests.RequestException):
                return requests.get(f"http://127.0.0.1:{port}/livez", timeout=2).ok
            return False

        wait_until(answers)
        yield f"http://127.0.0.1:{port}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


# --- The pages --------------------------------------------------------------------------------------------------------


def test_the_deployment_page_names_commands_and_variables_that_exist() -> None:
    page = Path(settings.BASE_DIR, "docs", "deployment.md").read_text()
    commands = set(re.findall(r"manage\.py (\w+)", page))
    assert commands >= {"migrate", "collectstatic", "createsuperuser", "serve", "worker"}
    assert commands <= set(get_commands())
    readme = Path(settings.BASE_DIR, "README.md").read_text()
    assert "docs/deployment.md" in readme
    assert "wsgi" not in readme.lower()
