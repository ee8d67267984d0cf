import contextlib
import os
import re
from pathlib import Path
from typing import Any

from pymongo import MongoClient

_TICKS = os.sysconf("SC_CLK_TCK")
# Sent periodically by drivers and servers.
_HOUSEKEEPING = frozenset({"hello", "isMaster", "ismaster", "ping", "endSessions", "serverStatus", "buildInfo"})


def tree(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            # A thread may have ended.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                found += [int(child) for child in children.read_text().split()]
    return found


def cpu_seconds(pid: int) -> float:
    """Return user and kernel time, with children."""
    ticks = 0
    for each in tree(pid):
        # The name may contain spaces: utime and stime are fields 12 and 13 after it.
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS


def memory_mb(pid: int, *, peak: bool = False) -> float:
    """Return current or peak resident memory, with children."""
    pattern = re.compile(r"VmHWM:\s+(\d+) kB" if peak else r"VmRSS:\s+(\d+) kB")
    statuses = (Path(f"/proc/{each}/status").read_text() for each in tree(pid))
    return sum(int(found[1]) for status in statuses if (found := pattern.search(status))) / 1024


def commands_sent(client: MongoClient[dict[str, Any]]) -> int:
    """Count commands since the server started, without housekeeping."""
    counters = client.admin.command("serverStatus")["metrics"]["commands"]
    return sum(each["total"] for name, each in counters.items() if isinstance(each, dict) and name not in _HOUSEKEEPING)
