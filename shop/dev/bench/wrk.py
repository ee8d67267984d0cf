"""Load by ``wrk``: one thread with keep-alive connections."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from shop.dev.bench.scenarios import Request

_SCRIPT = Path(__file__).with_name("rotate.lua")


class Crowd(NamedTuple):
    """Number of connections and average pause before the next request."""

    connections: int = 8
    pause_ms: int = 0

    def __str__(self) -> str:
        pause = f" that pause for {self.pause_ms} ms on average" if self.pause_ms else ""
        return f"{self.connections} connections{pause}"


# As much as the server can answer.
EAGER = Crowd()


class Load(NamedTuple):
    """Latencies in milliseconds."""

    requests: int
    seconds: float
    errors: int
    p50: float
    p99: float


class LoadError(Exception):
    """The message is the output of ``wrk``."""


def write_requests(path: Path, requests: Sequence[Request]) -> None:
    path.write_text("".join(f"{request.line}\n" for request in requests))


def load(url: str, requests: Path, *, seconds: float, core: int, crowd: Crowd) -> Load:
    """Repeat the file's requests. Raises :class:`LoadError`."""
    command = ["taskset", "-c", str(core), "wrk", "-t1", f"-c{crowd.connections}", f"-d{seconds:g}s"]
    done = subprocess.run(  # noqa: S603
        [*command, "-s", str(_SCRIPT), url, "--", str(requests), str(crowd.pause_ms)],
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=False,
    )
    result = next((line.split()[1:] for line in done.stdout.splitlines() if line.startswith("RESULT ")), None)
    if result is None:
        raise LoadError(f"wrk failed: {(done.stderr or done.stdout).strip()[-500:]}")
    sent, microseconds, errors, p50, p99 = result
    return Load(int(sent), int(microseconds) / 1e6, int(errors), float(p50), float(p99))
