"""One round of load by ``wrk``: a thread with eight connections that are kept open."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from shop.bench.scenarios import Request

CONNECTIONS = 8
_SCRIPT = Path(__file__).with_name("rotate.lua")


class Load(NamedTuple):
    """What ``wrk`` saw; times in seconds, latencies in milliseconds."""

    requests: int
    seconds: float
    errors: int
    p50: float
    p99: float


class LoadError(Exception):
    """``wrk`` did not do its work; says what it said."""


def write_requests(path: Path, requests: Sequence[Request]) -> None:
    """Write what :func:`load` sends."""
    path.write_text("".join(f"{request.line}\n" for request in requests))


def load(url: str, requests: Path, *, seconds: float, core: int) -> Load:
    """Send the requests of that file again and again for so many seconds. Raises :class:`LoadError`."""
    command = ["taskset", "-c", str(core), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "-s", str(_SCRIPT)]
    done = subprocess.run(  # noqa: S603
        [*command, url, "--", str(requests)], capture_output=True, text=True, timeout=seconds + 60, check=False
    )
    result = next((line.split()[1:] for line in done.stdout.splitlines() if line.startswith("RESULT ")), None)
    if result is None:
        raise LoadError(f"wrk failed: {(done.stderr or done.stdout).strip()[-500:]}")
    sent, microseconds, errors, p50, p99 = result
    return Load(int(sent), int(microseconds) / 1e6, int(errors), float(p50), float(p99))
