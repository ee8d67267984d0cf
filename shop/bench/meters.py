"""What work costs: processor time and memory of processes, commands of a MongoDB."""

import contextlib
import os
import re
from pathlib import Path
from typing import Any

from pymongo import MongoClient

_TICKS = os.sysconf("SC_CLK_TCK")
# What drivers and the server say to each other by the clock.
_HOUSEKEEPING = frozenset({"hello", "isMaster", "ismaster", "ping", "endSessions", "serverStatus", "buildInfo"})


def tree(pid: int) -> list[int]:
    """Return the process and all that descend from it."""
    found = [pid]
    for parent in found:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            # A thread may end meanwhile.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                found += [int(child) for child in children.read_text().split()]
    return found


def cpu_seconds(pid: int) -> float:
    """Return the processor time that the process and its children have used, in user and kernel mode."""
    ticks = 0
    for each in tree(pid):
        # The name, in brackets, may hold spaces: utime and stime are the 12th and 13th fields behind it.
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS


def memory_mb(pid: int, *, peak: bool = False) -> float:
    """Return the resident memory of the process and its children, now or at its highest."""
    pattern = re.compile(r"VmHWM:\s+(\d+) kB" if peak else r"VmRSS:\s+(\d+) kB")
    statuses = (Path(f"/proc/{each}/status").read_text() for each in tree(pid))
    return sum(int(found[1]) for status in statuses if (found := pattern.search(status))) / 1024


def commands_sent(client: MongoClient[dict[str, Any]]) -> int:
    """Return how many commands clients have sent to this MongoDB since it started, without the drivers' own."""
    counters = client.admin.command("serverStatus")["metrics"]["commands"]
    return sum(each["total"] for name, each in counters.items() if isinstance(each, dict) and name not in _HOUSEKEEPING)
