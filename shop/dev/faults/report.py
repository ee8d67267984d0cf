import datetime
import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import django
import pymongo

from shop.dev.bench.report import replace_section
from shop.dev.faults.results import Results
from shop.dev.faults.scenarios import SCENARIOS

COLUMNS = ("scenario", "attempted", "acknowledged", "lost", "duplicated", "unexpected", "5xx", "audit", "verdict")
_SHOWN = 5


def row(results: Results | None) -> list[str]:
    if results is None:
        return ["-"] * (len(COLUMNS) - 1)
    wrong = (results.lost, results.duplicated, results.unexpected)
    counts = [results.attempted, results.acknowledged, *(len(each) for each in wrong), results.server_errors]
    audit = "clean" if not results.audit else f"{len(results.audit)} violations"
    return [*(f"{count:,}" for count in counts), audit, "holds" if results.passed else "FAILS"]


def table(all_results: Sequence[tuple[str, Results]]) -> list[str]:
    rows = [list(COLUMNS), *([name, *row(results)] for name, results in all_results)]
    widths = [max(len(each[column]) for each in rows) for column in range(len(COLUMNS))]
    lines = []
    for cells in rows:
        first, *others = (cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
        lines.append("  ".join([first.strip().ljust(widths[0]), *others]))
    return lines


def violations(results: Results) -> list[str]:
    found = results.violations
    more = [f"… and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    return [*(sentence[:600] for sentence in found[:_SHOWN]), *more]


def markdown(
    shop: Sequence[Results], control: Sequence[Results], *, seed: int, mongod: str, seconds: float, short: bool
) -> str:
    now = datetime.datetime.now(datetime.UTC)
    proves = {scenario.name: scenario.proves for scenario in SCENARIOS}
    lines = [
        "# Reliability",
        "",
        "Written by `make torture`, not by hand. Buyers, Stripe and faults run against several processes of the real",
        "server over HTTP, with a real `mongod`; `manage.py audit` checks every invariant after each scenario.",
        "",
        f"- Date: {now:%Y-%m-%d %H:%M} UTC, seed {seed}, {seconds / 60:.0f} minutes" + (" (short)" if short else ""),
        f"- Python {platform.python_version()}, Django {django.__version__}, "
        f"django-mongodb-backend {version('django-mongodb-backend')}, pymongo {pymongo.version}, mongod {mongod}, "
        f"granian {version('granian')}",
        "- Writes are acknowledged by a majority (`w: majority`), reads are `majority`, transactions read a `snapshot`",
        f"- {platform.system()} {platform.machine()}, {os.cpu_count()} processors",
        "",
        "## The shop",
        "",
        *_markdown_table(shop),
        "",
        "A 5xx is a 503 with `Retry-After`, and an error in scenarios without an outage.",
        "",
        *(f"- **{results.name}** ({_times(results)}): {proves[results.name]}{_notes(results)}" for results in shop),
        "",
        "## The naive control",
        "",
        "A small shop that reads, checks and writes, and believes every webhook, put through the same buyers. It has",
        "to fail, or the scenarios would prove nothing.",
        "",
        *_markdown_table(control),
        "",
    ]
    wrong = [f"- {results.name}: {sentence}" for results in shop for sentence in violations(results)]
    if wrong:
        lines += ["## Failures of the shop", "", *wrong, ""]
    return "\n".join(lines)


def write(path: Path, text: str) -> None:
    replace_section(path, "faults", text)


def _markdown_table(all_results: Sequence[Results]) -> list[str]:
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---" + "|---:" * (len(COLUMNS) - 1) + "|"]
    return lines + ["| " + " | ".join([results.name, *row(results)]) + " |" for results in all_results]


def _times(results: Results) -> str:
    return f"{results.rounds} round{'s' if results.rounds > 1 else ''}, {results.seconds:.0f} s"


def _notes(results: Results) -> str:
    return "".join(f" _{note}_" for note in results.notes)
