import contextlib
import http.client
import importlib.util
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, get_commands

from shop.dev import mongod
from shop.dev.processes import Child, ProcessError, Supervisor, write_atomically
from shop.http.server import STOP_SECONDS, PortUnavailable, check_port, server_command
from shop.management.progress import Progress, write

_MANAGE = str(settings.BASE_DIR / "manage.py")
_START_SECONDS = 60
# More in a minute mean a broken process.
_RESTARTS_A_MINUTE = 3


class _Stopped(BaseException):
    """Raised after a signal; no `except Exception` catches it."""


class Command(BaseCommand):
    help = "Start the whole shop on this machine: MongoDB, demo catalog, Stripe simulator, worker and HTTP server."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError(
                "`manage.py run` creates demo accounts with public passwords, so it needs DEBUG=1; in production start "
                "`manage.py serve`, and `manage.py worker` beside it."
            )
        self.step: Progress | None = None
        self.stop_asked = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # set by nohup
                signal.signal(number, self._ask_to_stop)
        self.supervisor = Supervisor(settings.DATA_DIR, folder=settings.BASE_DIR)
        failure = ""
        try:
            self._start_everything()
            self._watch()
        except _Stopped:
            pass
        except (mongod.MongodError, PortUnavailable, ProcessError) as error:
            failure = str(error)
        finally:
            self._stop_everything()
        if failure:
            raise CommandError(failure)

    def _ask_to_stop(self, *_: object) -> None:
        self.stop_asked = True

    def _tick(self) -> None:
        if self.stop_asked:
            raise _Stopped
        if self.step:
            self.step()
        time.sleep(0.05)

    def _start_everything(self) -> None:
        self.supervisor.acquire()
        settings.RUN_FILE.unlink(missing_ok=True)
        self.port = settings.PORT or mongod.free_port()
        check_port(self.port)
        self._say(f"Starting Shop; its data and logs are in {settings.DATA_DIR}")
        self.environment = {
            **os.environ,
            "DEBUG": "1",
            "DATA_DIR": str(settings.DATA_DIR),
            "PORT": str(self.port),
            "PYTHONUNBUFFERED": "1",
        }
        self._start_database()
        self._manage("migrate", "Database schema")
        if "seed" in get_commands():
            self._manage("seed", "Demo catalog and users", show=True)
        self._start_stripe()
        if "worker" in get_commands():
            with self._step("Background worker"):
                self._start("worker", [sys.executable, _MANAGE, "worker"])
        with self._step(f"HTTP server on port {self.port}"):
            server = self._start(
                "web", server_command(self.port, workers=settings.WEB_WORKERS), stop_seconds=STOP_SECONDS
            )
            self._wait_until(server, lambda: _all_workers_started(server) and _ready(self.port))
        self._welcome()

    def _start_database(self) -> None:
        uri = os.environ.get("MONGO_URI", "")
        if uri:
            with self._step("MongoDB of MONGO_URI"):
                mongod.check_reachable(uri)
        else:
            with self._step("MongoDB"):
                uri = mongod.start(
                    settings.DATA_DIR / "mongodb",
                    cache_gb=1,
                    spawn_process=self._start_mongod,
                    while_waiting=self._tick,
                ).uri
        self._publish(MONGO_URI=uri, PORT=str(self.port))
        if not os.environ.get("FRONTEND_URL"):
            self._publish(FRONTEND_URL=self._root)

    def _start_mongod(self, name: str, command: Sequence[str]) -> tuple[mongod.Process, Path]:
        child = self._start(name, command, stop_seconds=30)
        return child.process, child.log

    def _start_stripe(self) -> None:
        # These variables name another Stripe.
        theirs = os.environ.get("STRIPE_SECRET_KEY") or os.environ.get("STRIPE_API_BASE")
        if theirs or importlib.util.find_spec("shop.dev.stripe_simulator") is None:
            return
        port = mongod.free_port()
        with self._step("Stripe simulator"):
            command = [sys.executable, "-m", "shop.dev.stripe_simulator", "--port", str(port)]
            command += ["--webhook-url", f"http://127.0.0.1:{self.port}/api/v1/payments/webhook/"]
            command += ["--webhook-secret", settings.STRIPE_WEBHOOK_SECRET]
            command += ["--secret-key", settings.STRIPE_SECRET_KEY]
            command += ["--publishable-key", settings.STRIPE_PUBLISHABLE_KEY]
            command += ["--state", str(settings.DATA_DIR / "stripe-simulator.sqlite3")]
            simulator = self._start("stripe-simulator", command)
            self._wait_until(simulator, lambda: _listens(port))
        self._publish(STRIPE_API_BASE=f"http://127.0.0.1:{port}")

    def _publish(self, **addresses: str) -> None:
        """Pass addresses to later processes and every `manage.py` with this DATA_DIR."""
        self.environment.update(addresses)
        self._published = {**getattr(self, "_published", {}), **addresses}
        write_atomically(settings.RUN_FILE, self._published)

    @contextlib.contextmanager
    def _step(self, title: str) -> Iterator[None]:
        self._tick()
        with Progress(self.stdout, title) as self.step:
            self.step()
            yield
        self.step = None

    def _say(self, line: str) -> None:
        write(self.stdout, f"{line}\n")

    def _start(self, name: str, command: Sequence[str], *, stop_seconds: float = 10) -> Child:
        return self.supervisor.start(name, command, env=self.environment, stop_seconds=stop_seconds)

    def _manage(self, name: str, title: str, *, show: bool = False) -> None:
        """``show`` lets the command write to the terminal, its log only from warnings on."""
        command = [sys.executable, _MANAGE, name, *(["--noinput"] if name == "migrate" else [])]
        with contextlib.nullcontext() if show else self._step(title):
            quiet = {"LOG_LEVEL": "WARNING"} if show else {}
            self.supervisor.run(name, command, env={**quiet, **self.environment}, while_waiting=self._tick, show=show)

    def _wait_until(self, child: Child, serves: Callable[[], bool]) -> None:
        give_up = time.monotonic() + _START_SECONDS
        while not serves():
            self._tick()
            if not child.is_alive:
                raise ProcessError(f"{child.name} ended while it started; {child.log_end()}")
            if time.monotonic() > give_up:
                raise ProcessError(f"{child.name} did not serve within {_START_SECONDS} s; {child.log_end()}")

    @property
    def _root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _welcome(self) -> None:
        root = self._root
        for line in (
            "",
            f"  Storefront {root}/",
            f"  API        {root}/api/v1/",
            f"  API docs   {root}/api/docs/",
            f"  Admin      {root}/{settings.ADMIN_PATH}",
            f"  Stripe     {self.environment.get('STRIPE_API_BASE', settings.STRIPE_API_BASE)}",
            *([f"  Mails      {self.supervisor.logs / 'worker.log'}"] if _writes_mails_to_the_log() else []),
            "",
            "  Demo accounts, which exist only in the demo:",
            "  staff      staff@example.com / staff-demo-password",
            "  customer   customer@example.com / customer-demo-password",
            "",
            f"ready {root}/",
        ):
            self._say(line)

    def _watch(self) -> None:
        """Restart processes until a signal arrives or one keeps exiting."""
        while True:
            self._tick()
            for child in self.supervisor.dead():
                lately = [at for at in child.restarts if at > time.monotonic() - 60]
                code = child.process.returncode
                if len(lately) >= _RESTARTS_A_MINUTE:
                    raise ProcessError(
                        f"{child.name} keeps exiting (exit code {code}), so all were stopped; {child.log_end()}"
                    )
                self._say(f"{child.name} ended with exit code {code}: started again (its log is {child.log})")
                child.restart()

    def _stop_everything(self) -> None:
        if self.supervisor.children:
            with Progress(self.stdout, "Stopping") as step:
                step()
                self.supervisor.stop_children()
        if self.supervisor.holds_folder:
            settings.RUN_FILE.unlink(missing_ok=True)
            self.supervisor.release()
        # A second signal must not interrupt the interpreter's exit.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def _writes_mails_to_the_log() -> bool:
    return settings.EMAIL_BACKEND == "django.core.mail.backends.console.EmailBackend"


def _all_workers_started(server: Child) -> bool:
    """A worker that still starts would miss a signal and be killed."""
    return server.log is not None and server.log.read_text().count("Started worker-") >= settings.WEB_WORKERS


def _ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
