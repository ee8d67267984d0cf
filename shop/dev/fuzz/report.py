import datetime
import platform
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import django

from shop.dev.fuzz import checks
from shop.dev.fuzz.results import Results

BEGIN = "<!-- fuzz: begin (written by `make fuzz`) -->"
END = "<!-- fuzz: end -->"
PEOPLE_COLUMNS = ("person", "operations", "answered 2xx", "links", "cases", "2xx", "3xx", "4xx", "5xx", "findings")
CHECK_COLUMNS = ("check", "answers", "narrowed", "findings")
_SHOWN = 3


def text(all_results: Sequence[Results]) -> list[str]:
    lines = [
        *_aligned(PEOPLE_COLUMNS, _people_rows(all_results)),
        "",
        *_aligned(CHECK_COLUMNS, _check_rows(all_results)),
    ]
    lines += [
        "",
        *(
            f"{results.person} was never answered 2xx by {', '.join(names)}"
            for results in all_results
            if (names := results.never_succeeded)
        ),
    ]
    shown: Counter[tuple[str, str]] = Counter()
    for results in all_results:
        for finding in results.findings:
            shown[finding.check, finding.operation] += 1
            if shown[finding.check, finding.operation] <= _SHOWN:
                lines += ["", f"{finding.check}: {finding.operation} as {results.person}", f"  {finding.message[:600]}"]
                lines += [f"  {finding.request[:1000]}"] if finding.request else []
    return lines


def markdown(all_results: Sequence[Results], *, seed: int, mongod: str, seconds: float) -> list[str]:
    now = datetime.datetime.now(datetime.UTC)
    statuses = sum((results.statuses for results in all_results), Counter())
    return [
        f"- Date: {now:%Y-%m-%d %H:%M} UTC, seed {seed}, {seconds / 60:.0f} minutes",
        f"- schemathesis {version('schemathesis')}, hypothesis {version('hypothesis')}, "
        f"Python {platform.python_version()}, Django {django.__version__}, granian {version('granian')}, "
        f"mongod {mongod}",
        f"- {sum(results.cases for results in all_results):,} requests; statuses: "
        + ", ".join(f"{status} × {count:,}" for status, count in sorted(statuses.items())),
        "",
        *_markdown_table(PEOPLE_COLUMNS, _people_rows(all_results)),
        "",
        *_markdown_table(CHECK_COLUMNS, _check_rows(all_results)),
        "",
        "Narrowed, each time for one of these reasons:",
        "",
        *(
            f"- `{check}`: {reason} ({sum(results.excused[reason] for results in all_results):,} times)"
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


def _people_rows(all_results: Sequence[Results]) -> list[list[str]]:
    rows = []
    for results in all_results:
        kinds: Counter[int] = Counter()
        for status, count in results.statuses.items():
            kinds[status // 100] += count
        operations = len(results.answers)
        numbers = [operations, operations - len(results.never_succeeded), results.links, results.cases]
        numbers += [*(kinds[kind] for kind in (2, 3, 4, 5)), len(results.findings)]
        rows.append([results.person, *(f"{number:,}" for number in numbers)])
    return rows


def _check_rows(all_results: Sequence[Results]) -> list[list[str]]:
    looked_at = sum((results.looked_at for results in all_results), Counter())
    excused = sum((results.excused for results in all_results), Counter())
    found = Counter(finding.check for results in all_results for finding in results.findings)
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
