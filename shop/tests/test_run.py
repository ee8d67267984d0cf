"""`manage.py run` as a process: what it starts, prints and cleans up."""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from shop.dev import mongod
from shop.dev.processes import spawn
from shop.dev.testing.environment import production

ROOT = Path(__file__).resolve().parent.parent.parent
MANAGE = [sys.executable, "manage.py"]
# The run starts its own parts when these are empty.
OWN_PARTS = {
    "FRONTEND_URL": "",
    "MONGO_URI": "",
    "STRIPE_SECRET_KEY": "",
    "STRIPE_PUBLISHABLE_KEY": "",
    "STRIPE_WEBHOOK_SECRET": "",
    "STRIPE_API_BASE": "",
    "WEB_WORKERS": "1",
}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for left-over processes in /proc")


def processes_of(data_dir: Path) -> dict[int, str]:
    """Every process that was started with this DATA_DIR, by number."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"DATA_DIR={data_dir}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found


def nothing_is_left_of(data_dir: Path, *, within: float = 15) -> bool:
    give_up = time.monotonic() + within
    while processes_of(data_dir) and time.monotonic() < give_up:
        time.sleep(0.05)
    return processes_of(data_dir) == {}


class Run:
    """A process of the command, with its output so far."""

    def __init__(self, data_dir: Path, *, command: list[str] | None = None) -> None:
        self.port = mongod.free_port()
        self.root = f"http://127.0.0.1:{self.port}"
        self.env = {**os.environ, **OWN_PARTS, "DATA_DIR": str(data_dir), "PORT": str(self.port)}
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            command or [*MANAGE, "run"],
            env=self.env,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.reader = threading.Thread(target=lambda: self.lines.extend(iter(self.process.stdout.readline, "")))
        self.reader.start()

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def wait_for(self, text: str, *, seconds: float = 180) -> None:
        give_up = time.monotonic() + seconds
        while text not in self.output:
            assert self.process.poll() is None, self.output
            assert time.monotonic() < give_up, self.output
            time.sleep(0.05)

    def wait_until_ready(self) -> None:
        self.wait_for(f"ready {self.root}/\n")

    def end(self) -> int:
        """The exit code, once it has ended."""
        code = self.process.wait(40)
        self.reader.join(10)
        return code

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.root + path, timeout=10) as answer:
            return answer.read()


@contextlib.contextmanager
def run(data_dir: Path, **options: list[str]) -> Iterator[Run]:
    started = Run(data_dir, **options)
    try:
        yield started
    finally:
        started.process.kill()
        started.end()
        nothing_is_left_of(data_dir)


def manage(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MANAGE, *arguments], env=env, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def refusal(data_dir: Path, **variables: str) -> str:
    """Return the output of a run that must not start and must leave no process."""
    env = {**os.environ, **OWN_PARTS, "DATA_DIR": str(data_dir), "PORT": str(mongod.free_port()), **variables}
    finished = manage("run", env=env)
    assert finished.returncode == 1, finished.stdout
    assert "Traceback" not in finished.stderr
    assert "ready " not in finished.stdout
    assert nothing_is_left_of(data_dir, within=0)
    assert not (data_dir / "run.json").exists()
    return finished.stderr


@pytest.mark.slow
def test_a_killed_run_leaves_nothing_in_the_way_of_the_next(tmp_path):
    with run(tmp_path / "one") as killed:
        killed.wait_until_ready()
        for said in (f"{killed.root}/api/v1/", f"{killed.root}/api/docs/", f"{killed.root}/admin/"):
            assert said in killed.output
        for person in ("staff@example.com / staff-demo-password", "customer@example.com / customer-demo-password"):
            assert person in killed.output
        assert {"mongod", "worker", "web"} <= {pid_file.stem for pid_file in (tmp_path / "one/pids").glob("*.json")}
        assert (tmp_path / "one" / "logs" / "web.log").read_text()
        assert killed.get("/api/docs/")
        assert b'<meta name="shop-api"' in killed.get("/")
        assert json.loads((tmp_path / "one" / "run.json").read_text())["FRONTEND_URL"] == killed.root
        products = products_of(killed)
        assert products > 0

        # Another command with the same DATA_DIR, and nothing else, finds the database.
        found = manage(
            "shell", "-v", "0", "-c", "from django.conf import settings; print(settings.MONGO_URI)", env=killed.env
        )
        assert found.stdout.strip() == json.loads((tmp_path / "one" / "run.json").read_text())["MONGO_URI"]
        killed.process.kill()
        killed.end()

    makefile = ["make", "--old-file=.venv/.installed", "run", f"PY={sys.executable}"]
    with run(tmp_path / "one", command=makefile) as next_run:
        next_run.wait_until_ready()
        assert products_of(next_run) == products
        os.kill(json.loads((tmp_path / "one" / "pids" / "worker.json").read_text())["pid"], signal.SIGKILL)
        next_run.wait_for("worker ended with exit code -9: started again")

        next_run.process.terminate()  # make, which passes it on
        next_run.end()
    assert nothing_is_left_of(tmp_path / "one", within=0), processes_of(tmp_path / "one")
    assert not (tmp_path / "one" / "run.json").exists()
    assert list((tmp_path / "one" / "pids").iterdir()) == []


@pytest.mark.large
def test_two_runs_live_side_by_side(tmp_path):
    with run(tmp_path / "one") as one:
        one.wait_until_ready()
        one.process.terminate()
        assert one.end() == 0
    # Need not be filled.
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    with run(tmp_path / "one") as one, run(tmp_path / "two") as two:
        one.wait_until_ready()
        two.wait_until_ready()
        assert products_of(one) == products_of(two) > 0
        os.killpg(one.process.pid, signal.SIGINT)  # Ctrl-C reaches the whole foreground group
        time.sleep(0.1)
        one.process.terminate()
        assert one.end() == 0
        assert nothing_is_left_of(tmp_path / "one", within=0), processes_of(tmp_path / "one")
        assert two.get("/readyz")


def products_of(started: Run) -> int:
    return json.loads(started.get("/api/v1/products/"))["count"]


@pytest.mark.parametrize("step", ["Starting Shop", "MongoDB "])
def test_a_signal_during_the_start_stops_what_was_started(step, tmp_path):
    with run(tmp_path) as starting:
        starting.wait_for(step)
        starting.process.send_signal(signal.SIGINT)
        assert starting.end() == 0
        assert "ready " not in starting.output
        assert nothing_is_left_of(tmp_path, within=0), processes_of(tmp_path)


def test_a_port_in_use_is_refused(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refusal(tmp_path, PORT=str(port))
    assert said == f"CommandError: Port {port} is in use: stop the process that uses it, or choose another PORT.\n"


def test_a_second_run_in_the_same_folder_is_refused(tmp_path):
    with (tmp_path / "run.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4711")
        lock.flush()
        said = refusal(tmp_path)
    assert said.startswith(f"CommandError: Another run (process 4711) is alive in {tmp_path}: stop it, or")


def test_a_database_that_cannot_be_reached_is_refused(tmp_path):
    port = mongod.free_port()
    said = refusal(tmp_path, MONGO_URI=f"mongodb://127.0.0.1:{port}/shop?replicaSet=rs0")
    assert said.startswith(f"CommandError: No MongoDB answers at 127.0.0.1:{port}: start it")


def test_a_server_that_is_no_replica_set_is_refused(tmp_path):
    port = mongod.free_port()
    (tmp_path / "standalone").mkdir()
    command = [str(mongod.binary()), "--dbpath", str(tmp_path / "standalone"), "--port", str(port), "--nounixsocket"]
    server = spawn([*command, "--bind_ip", "127.0.0.1"], stdout=subprocess.DEVNULL, death_signal=signal.SIGKILL)
    try:
        while mongod.port_is_free(port):
            assert server.poll() is None
            time.sleep(0.05)
        said = refusal(tmp_path / "data", MONGO_URI=f"mongodb://127.0.0.1:{port}/shop?replicaSet=rs0")
    finally:
        server.kill()
        server.wait()
    assert said.startswith(f"CommandError: The MongoDB at 127.0.0.1:{port} is not part of a replica set")


def test_a_run_with_debug_off_is_refused(tmp_path):
    finished = manage("run", env={**production(), "DATA_DIR": str(tmp_path)})
    assert finished.returncode == 1
    assert "so it needs DEBUG=1" in finished.stderr
    assert list(tmp_path.iterdir()) == []
