"""Replica set on loopback, from a PyPI wheel's ``mongod``; needs no Django.

``python -m shop.dev.mongod -- COMMAND …`` runs a command with a temporary ``MONGO_URI``, unless it is set.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from shop.dev.mongod_errors import MongodError, check_reachable, explain_exit
from shop.dev.processes import last_lines, spawn

__all__ = ["MongodError", "ReplicaSet", "binary", "check_reachable", "free_port", "start", "temporary"]

SET_NAME = "rs0"
# New data folders take about 200 MB (journal files).
_LEAST_FREE_BYTES = 600 * 1024 * 1024
_NOT_YET_INITIALIZED, _NOT_A_MEMBER = 94, 93


class Process(Protocol):
    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


# Start `command` under `name`; return the process and its log.
Spawn = Callable[[str, Sequence[str]], tuple[Process, Path]]


@dataclass(frozen=True)
class ReplicaSet:
    uri: str
    ports: tuple[int, ...]
    processes: tuple[Process, ...]

    def stop(self, *, data_matters: bool = True, seconds: float = 20) -> None:
        """Stop all members, by SIGKILL unless ``data_matters``."""
        for process in self.processes:
            if process.poll() is None:
                process.terminate() if data_matters else process.kill()
        for process in self.processes:
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def binary() -> Path:
    """Return ``mongod`` of the wheel, else of PATH. Raises :class:`MongodError`."""
    folders = [sysconfig.get_path("platlib"), sysconfig.get_path("purelib"), *sys.path]
    name = "mongod.exe" if os.name == "nt" else "mongod"
    for folder in folders:
        candidate = Path(folder or ".") / "fiftyone" / "db" / "bin" / name
        if os.access(candidate, os.X_OK) and candidate.is_file():
            return candidate
    found = shutil.which("mongod")
    if not found:
        raise MongodError(
            f"There is no mongod for this machine ({sys.platform} {os.uname().machine}): run `make install`, "
            "or set MONGO_URI to a MongoDB replica set."
        )
    return Path(found)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def start(
    folder: Path,
    *,
    members: int = 1,
    port: int | None = None,
    cache_gb: float = 0.5,
    test_commands: bool = False,
    journaled: bool = True,
    spawn_process: Spawn | None = None,
    while_waiting: Callable[[], None] = lambda: time.sleep(0.05),
    seconds: float = 60,
) -> ReplicaSet:
    """Start a replica set with its data in ``folder`` and wait until it is writable.

    ``cache_gb``: per member; ``test_commands`` enables ``failCommand``; without ``journaled`` majority writes do not
    wait for the journal, which halves their cost; an exception from ``while_waiting`` cancels the start.
    Raises :class:`MongodError`.
    """
    program = binary()
    ports: list[int] = []
    processes: list[Process] = []
    logs: list[Path] = []
    try:
        for number in range(members):
            data = folder if members == 1 else folder / f"member-{number + 1}"
            name = "mongod" if members == 1 else f"mongod-{number + 1}"
            _prepare(data)
            member_port = port if port is not None and number == 0 else free_port()
            if not port_is_free(member_port):
                raise MongodError(f"Port {member_port} is in use, so MongoDB cannot listen there: choose another.")
            command = _command(program, data, member_port, cache_gb=cache_gb, test_commands=test_commands)
            process, log = _start_one(name, command, data, spawn_process)
            ports.append(member_port)
            processes.append(process)
            logs.append(log)
        give_up = time.monotonic() + seconds
        _wait_until_writable(ports, processes, logs, program, while_waiting, give_up, journaled=journaled)
    except BaseException:
        for process in processes:
            process.kill()
            process.wait()
        raise
    hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
    return ReplicaSet(f"mongodb://{hosts}/shop?replicaSet={SET_NAME}", tuple(ports), tuple(processes))


def _prepare(data: Path) -> None:
    try:
        data.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(data).free
    except OSError as error:
        raise MongodError(f"The database folder {data} cannot be made ({error.strerror}): choose another.") from error
    if free < _LEAST_FREE_BYTES:
        raise MongodError(
            f"There is not enough disk space for MongoDB in {data} ({free // 2**20} MB free, it needs "
            f"{_LEAST_FREE_BYTES // 2**20} MB): free some, or choose another DATA_DIR."
        )


def _command(program: Path, data: Path, port: int, *, cache_gb: float, test_commands: bool) -> list[str]:
    parameters = {
        # Unused, and costs a write a second.
        "diagnosticDataCollectionEnabled": "false",
        # Otherwise waits 15 s for other members.
        "shutdownTimeoutMillisForSignaledShutdown": "100",
        # Seconds until locks of a killed process are released (default: 60).
        "transactionLifetimeLimitSeconds": "4",
    }
    if test_commands:
        parameters["enableTestCommands"] = "1"
    command = [str(program), "--dbpath", str(data), "--replSet", SET_NAME, "--bind_ip", "127.0.0.1"]
    command += ["--port", str(port), "--nounixsocket", "--quiet", "--oplogSize", "128"]
    command += ["--wiredTigerCacheSizeGB", str(cache_gb)]
    for name, value in parameters.items():
        command += ["--setParameter", f"{name}={value}"]
    return command


def _start_one(name: str, command: list[str], data: Path, spawn_process: Spawn | None) -> tuple[Process, Path]:
    try:
        if spawn_process is not None:
            return spawn_process(name, command)
        log = data / "mongod.log"
        with log.open("wb") as output:
            return spawn(command, stdout=output, death_signal=signal.SIGKILL), log
    except OSError as error:
        raise MongodError(
            f"{command[0]} cannot be run on this machine ({error.strerror}): set MONGO_URI to a MongoDB replica set."
        ) from error


def _wait_until_writable(
    ports: Sequence[int],
    processes: Sequence[Process],
    logs: Sequence[Path],
    program: Path,
    while_waiting: Callable[[], None],
    give_up: float,
    *,
    journaled: bool,
) -> None:
    client: MongoClient[dict[str, Any]] = MongoClient(
        "127.0.0.1", ports[0], directConnection=True, serverSelectionTimeoutMS=100, connectTimeoutMS=1000
    )
    with client:
        while True:
            for process, log in zip(processes, logs, strict=True):
                if process.poll() is not None:
                    raise MongodError(explain_exit(process.poll() or 0, last_lines(log, 200), program))
            if time.monotonic() > give_up:
                raise MongodError(
                    "MongoDB started but took no writes in time; the end of its log says:\n" + last_lines(logs[0], 5)
                )
            with contextlib.suppress(PyMongoError):
                if _is_writable(client, ports, journaled=journaled):
                    return
            while_waiting()


def _is_writable(client: MongoClient[dict[str, Any]], ports: Sequence[int], *, journaled: bool) -> bool:
    """Return whether the set is writable; initiate or reconfigure it to its new addresses."""
    hello = client.admin.command("hello")
    members = [{"_id": number, "host": f"127.0.0.1:{port}"} for number, port in enumerate(ports)]
    if hello.get("isWritablePrimary"):
        return sorted(hello["hosts"]) == sorted(member["host"] for member in members)
    try:
        client.admin.command("replSetGetStatus")
    except OperationFailure as error:
        if error.code == _NOT_YET_INITIALIZED:
            # The defaults, 10 s and 2 s, are for networks.
            settings = {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500}
            config = {"_id": SET_NAME, "members": members, "settings": settings}
            config["writeConcernMajorityJournalDefault"] = journaled
            client.admin.command("replSetInitiate", config)
        elif error.code == _NOT_A_MEMBER:
            config = client.admin.command("replSetGetConfig")["config"]
            config.update(members=members, version=config["version"] + 1)
            client.admin.command("replSetReconfig", config, force=True)
        else:
            raise
    return False


@contextlib.contextmanager
def temporary(*, members: int = 1, test_commands: bool = True, journaled: bool = True) -> Iterator[ReplicaSet]:
    """In memory, if large enough; the arguments are those of :func:`start`."""
    memory = Path("/dev/shm")  # noqa: S108
    roomy = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2 * _LEAST_FREE_BYTES
    parent = memory if roomy else Path(tempfile.gettempdir())
    _remove_abandoned(parent)
    folder = Path(tempfile.mkdtemp(prefix="shop-mongod-", dir=parent))
    with (folder / "owner").open("w") as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        try:
            replica_set = start(folder / "data", members=members, test_commands=test_commands, journaled=journaled)
            try:
                yield replica_set
            finally:
                replica_set.stop(data_matters=False)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(parent: Path) -> None:
    """Remove folders of killed runs: their lock is free."""
    for owner_file in parent.glob("shop-mongod-*/owner"):
        with contextlib.suppress(OSError), owner_file.open("a") as owner:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(owner_file.parent, ignore_errors=True)


def main(arguments: Sequence[str]) -> int:
    command = list(arguments[1:] if arguments[:1] == ["--"] else arguments)
    if not command:
        sys.stderr.write("usage: python -m shop.dev.mongod -- COMMAND …\n")
        return 2
    if os.environ.get("MONGO_URI"):
        os.execvp(command[0], command)  # noqa: S606
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with temporary() as replica_set:
            return subprocess.call(command, env={**os.environ, "MONGO_URI": replica_set.uri})  # noqa: S603
    except MongodError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
