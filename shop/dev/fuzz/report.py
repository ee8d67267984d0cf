"""Results for the terminal and ``docs/security.md``."""

import datetime
import platform
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import django

from shop.dev.fuzz import checks
from shop.dev.fuzz.tally import Tally

BEGIN = "<!-- fuzz: begin (written by `make fuzz`) -->"
END = "<!-- fuzz: end -->"
PEOPLE_COLUMNS = ("person", "operations", "answered 2xx", "links", "cases", "2xx", "3xx", "4xx", "5xx", "findings")
CHECK_COLUMNS = ("check", "answers", "narrowed", "findings")
_SHOWN = 3


def text(tallies: Sequence[Tally]) -> list[str]:
    """Return both tables and the first findings of each kind."""
    lines = [*_aligned(PEOPLE_COLUMNS, _people_rows(tallies)), "", *_aligned(CHECK_COLUMNS, _check_rows(tallies))]
    lines += [
        "",
        *(
            f"{tally.person} was never answered 2xx by {', '.join(names)}"
            for tally in tallies
            if (names := tally.never_succeeded)
        ),
    ]
    shown: Counter[tuple[str, str]] = Counter()
    for tally in tallies:
        for finding in tally.findings:
            shown[finding.check, finding.operation] += 1
            if shown[finding.check, finding.operation] <= _SHOWN:
                lines += ["", f"{finding.check}: {finding.operation} as {tally.person}", f"  {finding.message[:600]}"]
                lines += [f"  {finding.request[:1000]}"] if finding.request else []
    return lines


def markdown(tallies: Sequence[Tally], *, seed: int, mongod: str, seconds: float) -> list[str]:
    now = datetime.datetime.now(datetime.UTC)
    statuses = sum((tally.statuses for tally in tallies), Counter())
    return [
        f"- Date: {now:%Y-%m-%d %H:%M} UTC, seed {seed}, {seconds / 60:.0f} minutes",
        f"- schemathesis {version('schemathesis')}, hypothesis {version('hypothesis')}, "
        f"Python {platform.python_version()}, Django {django.__version__}, granian {version('granian')}, "
        f"mongod {mongod}",
        f"- {sum(tally.cases for tally in tallies):,} requests; statuses: "
        + ", ".join(f"{status} × {count:,}" for status, count in sorted(statuses.items())),
        "",
        *_markdown_table(PEOPLE_COLUMNS, _people_rows(tallies)),
        "",
        *_markdown_table(CHECK_COLUMNS, _check_rows(tallies)),
        "",
        "Narrowed, each time for one of these reasons:",
        "",
        *(
            f"- `{check}`: {reason} ({sum(tally.excused[reason] for tally in tallies):,} times)"
            for check, reasons in checks.NARROWED.items()
            for reason in reasons
        ),
    ]


def write(path: Path, lines: Sequence[str]) -> None:
    """Raises ``ValueError`` if the page lacks the marks."""
    page = path.read_text()
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path} lacks the marks {BEGIN} and {END}.")
    path.write_text("\n".join([before + BEGIN, "", *lines, "", END]) + after)


def _people_rows(tallies: Sequence[Tally]) -> list[list[str]]:
    rows = []
    for tally in tallies:
        kinds: Counter[int] = Counter()
        for status, count in tally.statuses.items():
            kinds[status // 100] += count
        operations = len(tally.answers)
        numbers = [operations, operations - len(tally.never_succeeded), tally.links, tally.cases]
        numbers += [*(kinds[kind] for kind in (2, 3, 4, 5)), len(tally.findings)]
        rows.append([tally.person, *(f"{number:,}" for number in numbers)])
    return rows


def _check_rows(tallies: Sequence[Tally]) -> list[list[str]]:
    looked_at = sum((tally.looked_at for tally in tallies), Counter())
    excused = sum((tally.excused for tally in tallies), Counter())
    found = Counter(finding.check for tally in tallies for finding in tally.findings)
    return [
        [
            name,
            f"{looked_at[name]:,}" if looked_at[name] else "-",
            f"{sum(excused[reason] for reason in checks.NARROWED.get(name, ())):,}",
            f"{found[name]:,}",
        ]
        for name in [*checks.every_check(), *sorted(set(found) - set(checks.every_check()))]
    ]


def _aligned(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    table = [columns, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(columns))]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in table
    ]


def _markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    head = ["| " + " | ".join(columns) + " |", "|---" + "|---:" * (len(columns) - 1) + "|"]
    return head + ["| " + " | ".join(row) + " |" for row in rows]
