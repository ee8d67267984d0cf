"""The deployment page, followed from an empty folder and database to a shop behind the shipped proxy."""

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from bson import ObjectId
from django.conf import settings
from django.db import connection
from pymongo.database import Database

from shop.dev.mongod import free_port
from shop.dev.processes import spawn
from shop.dev.testing.environment import production
from shop.dev.testing.server import database_uri
from shop.dev.testing.waiting import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed"),
    pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed"),
]

PAGE = Path(settings.BASE_DIR, "docs", "deployment.md").read_text()
# Compiled modules are copied: compiling all again takes seconds.
NOT_IN_A_CLONE = shutil.ignore_patterns(".venv", ".git", ".data", ".env", "staticfiles", ".*_cache")
PASSWORD = "the first of the staff"


class Deployment:
    """A folder in place of ``/srv/shop``; commands run there see only what a login shell has."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}

    def run(self, script: str, **variables: str) -> str:
        done = subprocess.run(
            ["sh", "-eu", "-c", script],
            cwd=self.folder,
            env=self.environment | variables,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextlib.contextmanager
    def service(self, name: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
        """Run what the unit of that name starts."""
        unit = Path(settings.BASE_DIR, "docs", "deploy", "systemd", f"{name}.service").read_text()
        command = re.search(r"^ExecStart=(.*)$", unit, re.MULTILINE)[1]
        with running(command.replace("/srv/shop", str(self.folder)), log, self.folder, self.environment) as process:
            yield process


@contextlib.contextmanager
def running(command: str, log: Path, folder: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as output:
        process = spawn(shlex.split(command), stdout=output, env=environment, folder=folder)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def block(name: str) -> str:
    found = re.search(rf"<!-- {name}: begin.*?```sh\n(.*?)```\n<!-- {name}: end", PAGE, re.DOTALL)
    assert found
    return found[1]


@pytest.fixture
def database(db: None) -> Iterator[Database]:
    """An empty database beside that of the tests."""
    client = connection.get_database().client
    name = f"deployed-{ObjectId()}"
    yield client[name]
    client.drop_database(name)


@pytest.fixture
def deployment(database: Database, tmp_path: Path) -> Deployment:
    """The result of the section "Install", with the packages of the tests."""
    folder = tmp_path / "shop"
    shutil.copytree(settings.BASE_DIR, folder, ignore=NOT_IN_A_CLONE)
    (folder / ".venv").symlink_to(sys.prefix)
    deployed = Deployment(folder)
    clone, packages, *rest = block("install").splitlines()
    assert clone.startswith("git clone ")
    assert packages.endswith("pip install -r requirements.txt")
    deployed.run("\n".join(rest))
    fill_in(folder / ".env", database_uri().replace(connection.settings_dict["NAME"], database.name))
    return deployed


def fill_in(path: Path, mongo_uri: str) -> None:
    """Give each variable without a value one, and add those that the page names."""
    values = production(mongo_uri) | {"ALLOWED_HOSTS": "shop.example.com"}
    text = re.sub(r"^([A-Z_]+)=$", lambda found: f"{found[1]}={values[found[1]]}", path.read_text(), flags=re.MULTILINE)
    (added,) = re.findall(r"Behind the proxy below also set\n\n```sh\n(.*?)```", PAGE, re.DOTALL)
    seller = "SELLER_NAME=Sample Ltd\nSELLER_ADDRESS=1 Sample Street,London,United Kingdom\n"
    path.write_text(f"{text}\n{added}\n{seller}")


@contextlib.contextmanager
def proxied(folder: Path, upstream: int) -> Iterator[str]:
    """Run nginx with the shipped configuration, TLS included; yield its address."""
    port = free_port()
    names = "subjectAltName=DNS:shop.example.com,IP:127.0.0.1"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=shop.example.com"]
    made += ["-addext", names, "-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
    subprocess.run(made, check=True, capture_output=True)
    text = Path(settings.BASE_DIR, "docs", "deploy", "nginx.conf").read_text()
    text = text.replace("/etc/ssl/shop/", f"{folder}/").replace("127.0.0.1:8000", f"127.0.0.1:{upstream}")
    text = re.sub(r"\n *listen \[::\].*;", "", text)
    text = text.replace("listen 80;", f"listen 127.0.0.1:{free_port()};")
    text = text.replace("listen 443", f"listen 127.0.0.1:{port}")
    own = f"pid {folder}/nginx.pid;\nerror_log {folder}/nginx.log;\n" + ("user root;\n" if os.geteuid() == 0 else "")
    (folder / "nginx.conf").write_text(own + text)
    command = f"nginx -p {folder} -c {folder}/nginx.conf -g 'daemon off;'"
    with running(command, folder / "proxy.log", folder, {"PATH": os.environ["PATH"]}):
        yield f"https://127.0.0.1:{port}"


def test_the_page_leads_from_nothing_to_a_shop_behind_the_proxy(deployment: Deployment, tmp_path: Path) -> None:
    answers = "createsuperuser --noinput --email boss@shop.example.com --name Boss"
    prepare = block("prepare").replace("createsuperuser", answers)
    said = deployment.run(prepare, DJANGO_SUPERUSER_PASSWORD=PASSWORD)
    assert "System check identified no issues" in said

    web_log, worker_log = tmp_path / "web.log", tmp_path / "worker.log"
    # Chosen now: another program may take a port that was free a minute ago.
    deployment.environment["PORT"] = str(free_port())
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(proxied(tmp_path, int(deployment.environment["PORT"])))
        web = stack.enter_context(deployment.service("shop-web", web_log))
        worker = stack.enter_context(deployment.service("shop-worker", worker_log))

        browser = stack.enter_context(requests.Session())
        browser.headers["Host"] = "shop.example.com"
        # Not the certificates that the environment names.
        browser.trust_env = False
        browser.verify = str(tmp_path / "fullchain.pem")

        def is_ready() -> bool:
            assert web.poll() is None, web_log.read_text()
            with contextlib.suppress(requests.ConnectionError):
                return browser.get(f"{url}/readyz", timeout=20).json().get("status") == "ok"
            return False

        wait_until(is_ready, seconds=90)
        assert browser.get(f"{url}/api/v1/products/", timeout=20).json()["count"] == 0
        login = browser.get(f"{url}/admin/login/", timeout=20)
        assert login.status_code == 200
        (style,) = re.findall(r'href="(/static/shop/admin\.[^"]+css)"', login.text)
        assert browser.get(f"{url}{style}", timeout=20).headers["Content-Type"].startswith("text/css")
        credentials = {"email": "boss@shop.example.com", "password": PASSWORD}
        assert browser.post(f"{url}/api/v1/auth/login/", json=credentials, timeout=20).status_code == 200
        wait_until(lambda: "worker started" in worker_log.read_text(), seconds=60)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0


def test_the_proxy_writes_its_pid_file_to_the_path_of_its_service() -> None:
    # Debian's unit waits for /run/nginx.pid, with which nginx is compiled, and is stopped if there is none.
    configuration = Path(settings.BASE_DIR, "docs", "deploy", "nginx.conf").read_text()
    assert not re.search(r"^\s*pid\s", configuration, re.MULTILINE)


def test_services_are_stopped_while_migrations_run() -> None:
    (upgrade,) = re.findall(r"## Upgrade\n.*?```sh\n(.*?)```", PAGE, re.DOTALL)
    stop, *between, start = upgrade.strip().splitlines()
    assert (stop, start) == ("systemctl stop shop-web shop-worker", "systemctl start shop-web shop-worker")
    assert any("manage.py migrate" in line for line in between)
