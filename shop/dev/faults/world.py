import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connections
from pymongo.read_concern import ReadConcern

from shop.dev import mongod
from shop.dev.faults.buyers import Buyer
from shop.dev.faults.results import Results
from shop.dev.faults.state import ShopState, State
from shop.dev.processes import spawn
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.schema import prepare_database
from shop.dev.testing.server import ShopServer
from shop.jobs import PeriodicTask

SERVER_PROCESSES = 3
# A lease and a claim of a minute, and retries.
IDLE_SECONDS = 150.0
_KEPT = {"django_migrations", "django_content_type", "auth_permission", PeriodicTask._meta.db_table}


class World:
    """Use it from the main thread: processes end with the thread that started them."""

    state: State
    url: str

    def __init__(self, *, folder: Path, stripe: StripeSimulator, seed: int, short: bool) -> None:
        self.folder, self.stripe, self.short = folder, stripe, short
        self.random = random.Random(seed)  # noqa: S311
        # Called with (done, total); the runner replaces it.
        self.progress: Callable[[int, int], None] = lambda done, total: None

    def size(self, full: int, short: int) -> int:
        return short if self.short else full

    def buyers(self, count: int, results: Results) -> list[Buyer]:
        """Return buyers with an address each: the server limits the requests of one client that wait."""
        people = self.state.make_people(count)
        return [
            Buyer(self.url, person, results, address=f"127.1.{number // 250}.{number % 250 + 1}")
            for number, person in enumerate(people)
        ]

    def begin(self) -> None:
        self.stripe.reset()
        self.stripe.set_webhook(f"{self.url}/api/v1/payments/webhook/")

    def stop_workers(self) -> None:
        """Stop background work."""

    def restart_dead_processes(self) -> None:
        """Restart processes that died."""

    def reset_circuits(self) -> None:
        """Reset circuit breakers."""

    def wait_until_idle(self, results: Results) -> None:
        results.expect(self.stripe.wait_until_idle(IDLE_SECONDS), "Stripe's deliveries did not end")


class Worker:
    def __init__(self, *, log: Path, environment: dict[str, str]) -> None:
        self._log, self._environment = log, {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "worker", "--pause", "0.2"]
        with self._log.open("ab") as log:
            self._process = spawn(command, stdout=log, env=self._environment, folder=settings.BASE_DIR)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)


class ShopWorld(World):
    def __init__(self, replica_set: mongod.ReplicaSet, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.replica_set = replica_set
        self.state: ShopState = ShopState()
        use_database(replica_set.uri)
        prepare_database(replica_set.uri, lambda: call_command("migrate", verbosity=0, interactive=False))
        self.environment = {
            "MONGO_URI": replica_set.uri,
            "DATA_DIR": str(self.folder),
            "STRIPE_API_BASE": self.stripe.url,
            "LOG_LEVEL": "WARNING",
            # Rendered but not sent.
            "EMAIL_URL": "dummymail://",
            # Orders get invoices.
            "SELLER_NAME": "Torture Ltd",
            "SELLER_ADDRESS": "1 Fault Lane,London",
        }
        self.workers: list[Worker] = []
        self.server = self.new_server()
        self._serves: dict[str, Any] | None = None

    @property
    def url(self) -> str:  # type: ignore[override]
        return self.server.url

    @property
    def mongod_version(self) -> str:
        return connections["default"].get_database().client.server_info()["version"]

    def new_server(
        self, *, processes: int = SERVER_PROCESSES, port: int | None = None, **environment: str
    ) -> ShopServer:
        log = self.folder / "web.log"
        return ShopServer(log=log, workers=processes, port=port, **{**self.environment, **environment})

    def start_server(self, *, processes: int = SERVER_PROCESSES, **environment: str) -> None:
        """Restart with this environment at the same address."""
        self.stop_server()
        self.server = self.new_server(processes=processes, port=self.server.port, **environment)
        self.server.start()
        self._serves = {"processes": processes, **environment}

    def stop_server(self) -> None:
        if self._serves is not None:
            self.server.kill()
            self._serves = None

    def start_workers(self, count: int = 1, **environment: str) -> None:
        for number in range(len(self.workers), len(self.workers) + count):
            log = self.folder / f"worker-{number + 1}.log"
            self.workers.append(Worker(log=log, environment={**self.environment, **environment}))
            self.workers[-1].start()

    def stop_workers(self) -> None:
        for worker in self.workers:
            worker.kill()
        self.workers.clear()

    def restart_dead_processes(self) -> None:
        """The server replaces its processes, but ends when two die within six seconds."""
        if self._serves is not None and not self.server.is_alive:
            self.server.kill()
            self.server.start()
        for worker in self.workers:
            if not worker.is_alive:
                worker.start()

    def reset_circuits(self) -> None:
        # New processes have closed circuit breakers.
        self.stop_server()

    def begin(self) -> None:
        self.empty()
        if self._serves != {"processes": SERVER_PROCESSES} or not self.server.is_alive:
            self.start_server()
        super().begin()

    def empty(self) -> None:
        database = connections["default"].database.with_options(read_concern=ReadConcern("local"))
        for name in database.list_collection_names(filter={"type": "collection"}):
            if name not in _KEPT and not name.startswith("system."):
                database[name].delete_many({})

    def wait_until_idle(self, results: Results) -> None:
        if not self.workers:
            self.start_workers()
        give_up_at = time.monotonic() + IDLE_SECONDS
        unfinished = ["not looked at"]
        quiet = 0
        while quiet < 2 and time.monotonic() < give_up_at:
            self.restart_dead_processes()
            self.stripe.wait_until_idle(5)
            self.state.send_waiting_mails()
            unfinished = self.state.unfinished()
            # Twice: a worker may cause further events.
            quiet = quiet + 1 if not unfinished and self.stripe.wait_until_idle(0.1) else 0
            time.sleep(0.1)
        results.expect(not unfinished, f"left undone: {'; '.join(unfinished[:5])}")

    def reconcile(self) -> str:
        command = [sys.executable, "manage.py", "reconcile_payments", "--settling-minutes", "0"]
        environment = {**os.environ, **self.environment}
        done = subprocess.run(  # noqa: S603
            command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        return (done.stdout + done.stderr).strip()

    def stop(self) -> None:
        self.stop_workers()
        self.stop_server()


def use_database(uri: str) -> None:
    connections["default"].close_pool()
    configured = connections.settings["default"]
    configured["HOST"], configured["NAME"] = uri, "shop"
    # The wrapper holds the old settings.
    del connections["default"]


@contextlib.contextmanager
def shop_world(*, members: int = 1, **arguments: Any) -> Iterator[ShopWorld]:
    with mongod.temporary(members=members) as replica_set:
        world = ShopWorld(replica_set, **arguments)
        try:
            yield world
        finally:
            world.stop()
            with contextlib.suppress(ProcessLookupError):
                for process in replica_set.processes:
                    os.kill(process.pid, signal.SIGCONT)


def server_pids(leader: int) -> list[int]:
    """Return the processes that answer requests."""
    listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True)  # noqa: S607
    rows = [line.split(maxsplit=2) for line in listing.stdout.splitlines()]
    return [int(row[0]) for row in rows if len(row) == 3 and int(row[1]) == leader and "resource_tracker" not in row[2]]
