"""Child processes that end with their parent; needs no Django.

``DATA_DIR/run.lock`` is held during a run; ``pids/NAME.json`` allows cleaning up after a killed one.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

RUN_ID_VARIABLE = "SHOP_RUN_ID"
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
Command = Sequence[str | os.PathLike[str]]


class ProcessError(Exception):
    """The message says what to do."""


def spawn(
    command: Command,
    *,
    stdout: IO[Any] | int | None,
    env: Mapping[str, str] | None = None,
    folder: Path | None = None,
    death_signal: int = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start ``command`` in a new session, so that Ctrl-C reaches only the parent.

    On Linux it gets ``death_signal`` when the calling thread ends: call from the main thread.
    """
    parent = os.getpid()

    def die_with_parent() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, death_signal)
            if os.getppid() != parent:  # parent died before prctl
                os._exit(1)

    return subprocess.Popen(  # noqa: S603
        command,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.STDOUT if stdout is not None else None,
        env=env,
        cwd=folder,
        start_new_session=True,
        preexec_fn=die_with_parent,
    )


def start_time(pid: int) -> str | None:
    """Distinguish later processes with this pid; return None for a zombie."""
    if sys.platform == "linux":
        try:
            # The name may contain spaces: count from its end (state is field 3, start time 22).
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            return None
        return None if fields[0] in "ZX" else f"{boot}/{fields[19]}"
    found = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S603, S607
    return found.stdout.strip() or None


def last_lines(path: Path, count: int = 15) -> str:
    """Return the end of the last 64 KB."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 65536))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-count:])
    except OSError:
        return ""


def write_atomically(path: Path, value: object) -> None:
    """Only this user can read it; readers see the old or the new content."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps(value))
    temporary.replace(path)


class Child:
    """Output goes to ``log`` or is shown (None)."""

    def __init__(
        self,
        supervisor: "Supervisor",
        name: str,
        command: Command,
        *,
        env: Mapping[str, str],
        stop_seconds: float,
        show: bool,
    ) -> None:
        self.supervisor, self.name, self.command, self.env = supervisor, name, command, env
        self.stop_seconds = stop_seconds
        self.log = None if show else supervisor.logs / f"{name}.log"
        self.pid_file = supervisor.pids / f"{name}.json"
        self.restarts: list[float] = []
        self._start()

    def _start(self) -> None:
        try:
            with self.log.open("ab") if self.log else contextlib.nullcontext() as log:
                self.process = spawn(self.command, stdout=log, env=self.env, folder=self.supervisor.folder)
        except OSError as error:
            raise ProcessError(f"{self.name} could not be started: {error}.") from error
        record = {"pid": self.process.pid, "started": start_time(self.process.pid), "run": self.supervisor.run_id}
        write_atomically(self.pid_file, record)

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def log_end(self) -> str:
        return f"{self.log} ends with:\n{last_lines(self.log)}" if self.log else "its messages are above"

    def restart(self) -> None:
        _signal_group(self.process.pid, signal.SIGKILL)  # the dead leader's group
        self.restarts.append(time.monotonic())
        self._start()

    def stop(self) -> None:
        """The leader stops its children; after ``stop_seconds`` SIGKILL the group."""
        if self.is_alive:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(self.stop_seconds)
        # Pids are assigned in sequence: no other group has this one yet.
        _signal_group(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.pid_file.unlink(missing_ok=True)


class Supervisor:
    """Processes of a run in one ``DATA_DIR``."""

    def __init__(self, data_dir: Path, *, folder: Path) -> None:
        self.data_dir, self.folder = data_dir, folder
        self.logs, self.pids = data_dir / "logs", data_dir / "pids"
        self.run_id = uuid.uuid4().hex
        self.children: list[Child] = []
        self._lock: IO[str] | None = None

    def acquire(self) -> None:
        """Lock the folder and end what a killed run left. Raises :class:`ProcessError`."""
        try:
            for folder in (self.data_dir, self.logs, self.pids):
                folder.mkdir(parents=True, exist_ok=True)
            self._lock = (self.data_dir / "run.lock").open("a+")
        except OSError as error:
            raise ProcessError(
                f"{self.data_dir} cannot be written ({error.strerror}): choose another DATA_DIR."
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.seek(0)
            holder = self._lock.read().strip() or "unknown"
            self._lock.close()
            self._lock = None
            raise ProcessError(
                f"Another run (process {holder}) is alive in {self.data_dir}: stop it, or choose another DATA_DIR."
            ) from None
        self._lock.truncate(0)
        self._lock.write(str(os.getpid()))
        self._lock.flush()
        for pid_file in self.pids.glob("*.json"):
            _end_leftover(pid_file)
        for log in self.logs.glob("*.log"):  # the previous run's
            log.replace(log.with_suffix(".log.1"))

    @property
    def holds_folder(self) -> bool:
        return self._lock is not None

    def start(
        self, name: str, command: Command, *, env: Mapping[str, str], stop_seconds: float = 10, show: bool = False
    ) -> Child:
        env = {**env, RUN_ID_VARIABLE: self.run_id}
        child = Child(self, name, command, env=env, stop_seconds=stop_seconds, show=show)
        self.children.append(child)
        return child

    def run(
        self,
        name: str,
        command: Command,
        *,
        env: Mapping[str, str],
        while_waiting: Callable[[], None],
        show: bool = False,
    ) -> None:
        """Raises :class:`ProcessError` if it fails."""
        child = self.start(name, command, env=env, show=show)
        try:
            while child.is_alive:
                while_waiting()
            code = child.process.returncode
        finally:
            child.stop()
            self.children.remove(child)
        if code:
            raise ProcessError(f"{name} failed with exit code {code}; {child.log_end()}")

    def dead(self) -> list[Child]:
        return [child for child in self.children if not child.is_alive]

    def stop_children(self) -> None:
        """Stop the last started first."""
        while self.children:
            self.children[-1].stop()
            self.children.pop()

    def release(self) -> None:
        if self._lock is not None:
            self._lock.truncate(0)
            self._lock.close()
            self._lock = None


def _signal_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _orphans(group: int, run: str) -> list[int]:
    """Return members of a group without a leader, matched by run (Linux)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            pid = int(entry.name)
            marker = f"{RUN_ID_VARIABLE}={run}".encode()
            if os.getpgid(pid) == group and marker in (entry / "environ").read_bytes().split(b"\0"):
                found.append(pid)
    return found


def _end_leftover(pid_file: Path, seconds: float = 20) -> None:
    """End the process and its group, if still the same."""
    try:
        record = json.loads(pid_file.read_text())
        pid, started, run = int(record["pid"]), record["started"], str(record["run"])
    except (OSError, ValueError, KeyError, TypeError):
        pid_file.unlink(missing_ok=True)
        return
    give_up = time.monotonic() + seconds
    if started and start_time(pid) == started:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        while start_time(pid) == started and time.monotonic() < give_up:
            time.sleep(0.05)
        if start_time(pid) == started:
            _signal_group(pid, signal.SIGKILL)
    while (orphans := _orphans(pid, run)) and time.monotonic() < give_up + 5:
        for orphan in orphans:
            with contextlib.suppress(ProcessLookupError):
                os.kill(orphan, signal.SIGKILL)
        time.sleep(0.05)
    pid_file.unlink(missing_ok=True)
