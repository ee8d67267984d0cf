import datetime
import os
import platform
import re
import statistics
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import django
import pymongo

from shop.dev.bench.rounds import Comparison, Result
from shop.dev.bench.wrk import Crowd

_RATIOS = {"rate": "ratio (range)", "cpu_ms": "CPU ratio (range)"}


def columns(comparison: Comparison) -> list[str]:
    ratio = _RATIOS[comparison.measure]
    return ["", "", "requests/s", ratio, "p50 ms", "p99 ms", "CPU ms", "MongoDB ms", "commands", "errors"]


def rows(comparison: Comparison) -> list[list[str]]:
    """Processor times and commands are per request."""
    lines = []
    for scenario, results in comparison.results.items():
        for number, (contestant, result) in enumerate(results.items()):
            lines.append([scenario if number == 0 else "", contestant, *_figures(comparison, scenario, result)])
    return lines


def _figures(comparison: Comparison, scenario: str, result: Result) -> list[str]:
    if not result.rounds:
        return ["-"] * 7 + [f"{result.errors:,}"]
    contestant = next(name for name, each in comparison.results[scenario].items() if each is result)
    ratio = "1" if contestant == comparison.baseline else _ratio(comparison.ratios(scenario, contestant))
    rate = result.median("rate")
    return [
        f"{rate:,.0f}" if rate >= 100 else f"{rate:.1f}",
        ratio,
        *(f"{result.median(measure):.1f}" for measure in ("p50", "p99")),
        *(f"{result.median(measure):.2f}" for measure in ("cpu_ms", "database_cpu_ms")),
        f"{result.median('commands'):.1f}",
        f"{result.errors:,}",
    ]


def _ratio(ratios: Sequence[float]) -> str:
    if not ratios:
        return "-"
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"


def text(comparison: Comparison) -> str:
    table = [columns(comparison), *rows(comparison)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in table
    ]
    return "\n".join([comparison.title, "", *lines, "", memory(comparison)])


def memory(comparison: Comparison) -> str:
    used = ", ".join(f"{name} {megabytes:,.0f} MB" for name, megabytes in comparison.memory_mb.items())
    return f"Peak memory: {used}."


def markdown(comparison: Comparison) -> list[str]:
    head = columns(comparison)
    table = ["| " + " | ".join(line) + " |" for line in [head, *rows(comparison)]]
    table.insert(1, "|---|---" + "|---:" * (len(head) - 2) + "|")
    return [*table, "", memory(comparison)]


def conditions(crowds: Sequence[Crowd]) -> str:
    now = datetime.datetime.now(datetime.UTC)
    versions = ", ".join(
        [
            f"Python {platform.python_version()}",
            f"Django {django.__version__}",
            f"pymongo {pymongo.version}",
            *(f"{name} {version(name)}" for name in ("django-mongodb-backend", "djangorestframework", "granian")),
            f"Node.js {_node_version()}",
        ]
    )
    return (
        f"_{now:%Y-%m-%d %H:%M} UTC; {machine()}; {versions}; "
        f"`wrk` with {' or '.join(dict.fromkeys(map(str, crowds)))}._"
    )


def _node_version() -> str:
    try:
        done = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)  # noqa: S607
    except (OSError, subprocess.CalledProcessError):
        return "none"
    return done.stdout.strip().lstrip("v")


def machine() -> str:
    return f"{_processor()}, {os.cpu_count()} processors, {platform.system()}"


def _processor() -> str:
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found[1].strip() if found else platform.machine()


def replace_section(page: Path, name: str, section: str) -> None:
    """Raises ``ValueError`` if the page lacks the marks."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    old = page.read_text()
    head, _, rest = old.partition(begin)
    _, mark, tail = rest.partition(end)
    if not mark:
        raise ValueError(f"{page} has no place for {name!r}.")
    page.write_text(f"{head}{begin}\n{section}\n{end}{tail}")
