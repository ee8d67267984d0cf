"""Tables for the terminal and ``docs/performance.md``."""

from collections.abc import Sequence

from shop.dev.growth.loads import OrphanSearch, Result, violations_in
from shop.dev.growth.pages import FAST_MS, MOST_MS, MOST_RATIO, Page, Pages, Replies
from shop.dev.growth.shops import Done

# Pages in the table; the others are faster.
SHOWN = 25

Table = list[list[str]]


def rule() -> str:
    return (
        f"A page is good if the big shop needs at most {MOST_RATIO:g} times as long as the small one or {FAST_MS:.0f} "
        f"ms, and never more than {MOST_MS:.0f} ms."
    )


def rule_of_downloads() -> str:
    return (
        "Downloads have no limit: they grow with what they contain, and are sent only once they are complete, so that "
        "a failure cannot truncate one. MB/s counts from the request to the last byte."
    )


def pages_table(pages: Pages) -> Table:
    """Worst first."""
    return [
        ["", "page", "small ms", "big ms", "ratio", ""],
        *(
            [
                page.who,
                page.name,
                f"{page.small_ms:.0f}",
                f"{page.big_ms:.0f}",
                f"{page.ratio:.2f}",
                "" if page.is_good else "✗",
            ]
            for page in _shown(pages)
        ),
    ]


def downloads_table(pages: Pages) -> Table:
    """Slowest first."""
    ordered = sorted(pages.downloads, key=lambda page: -page.big_ms)
    return [
        ["", "download", "small", "big"],
        *([page.who, page.name, _size(page.small), _size(page.big)] for page in ordered),
    ]


def _size(replies: Replies) -> str:
    speed = replies.megabytes_per_second
    return f"{replies.size / 1000:,.0f} kB in {replies.milliseconds:,.0f} ms ({speed:.1f} MB/s)"


def _shown(pages: Pages) -> list[Page]:
    """Return the slowest pages, and all that break the rule."""
    ordered = sorted(pages.worst_first(), key=lambda page: page.is_good)
    return ordered[: max(SHOWN, sum(not page.is_good for page in ordered))]


def pages_summary(pages: Pages) -> str:
    bad = sum(not page.is_good for page in pages.measured)
    text = f"{len(pages.measured)} pages were measured; {bad} break the rule."
    if pages.refused:
        refused = ", ".join(f"{name} ({status})" for name, status in sorted(pages.refused.items()))
        text += f" Not measured, because they answer with an error: {refused}."
    return text


def result_row(what: str, small: Result, big: Result) -> list[str]:
    return [what, *(_result(each) for each in (small, big))]


def _result(result: Result) -> str:
    if not result.size:
        return "–"
    parts = [f"{result.size:,}"]
    if result.status:
        parts.append(f"{result.milliseconds:,.0f} ms ({result.status})")
    parts.append("not done" if result.seconds is None else f"done after {result.seconds:.1f} s")
    if result.before.times:
        ratio = result.others.p95 / result.before.p95
        parts.append(f"checkouts p95 {result.before.p95:.0f} → {result.others.p95:.0f} ms (× {ratio:.2f})")
    if result.others.times:
        parts.append(str(result.others))
    return ", ".join(parts)


def audit_row(small: Done, big: Done) -> list[str]:
    return ["`manage.py audit`", *(_audit(each) for each in (small, big))]


def _audit(done: Done) -> str:
    text = f"{done.seconds:.1f} s, {done.peak_mb:.0f} MB, exit code {done.code}"
    return f"{text}: {violations_in(done)}" if done.code and violations_in(done) else text


def orphans_row(small: OrphanSearch, big: OrphanSearch) -> list[str]:
    shown = (
        f"{each.keys:,} keys and {each.documents:,} documents for {each.files:,} files, {each.done.seconds:.1f} s"
        for each in (small, big)
    )
    return ["search for unused pictures", *shown]


def markdown(table: Table) -> str:
    head, *rows = table
    numbers = {place for place, cell in enumerate(head) if cell.endswith(("ms", "ratio"))}
    line = "|" + "|".join("---:" if place in numbers else "---" for place in range(len(head))) + "|"
    return "\n".join([_row(head), line, *map(_row, rows)])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
