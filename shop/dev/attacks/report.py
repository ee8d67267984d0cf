import datetime
import json
import os
from dataclasses import asdict
from typing import Any

from django.conf import settings

from shop.dev.attacks.attackers import ATTACKS
from shop.dev.attacks.running import Seen
from shop.dev.bench.report import replace_section

PAGE = settings.BASE_DIR / "docs" / "reliability.md"
# Kept, so that one run can be measured without the others.
FIGURES = settings.BASE_DIR / "docs" / "attacks.json"
COLUMNS = {"before": "before", "server": "the server alone", "proxy": "behind nginx"}


def write(seen: dict[str, Seen], *, proxy: bool, own: bool) -> None:
    """Keep figures of attacks left out. ``own`` is False for the compared checkout."""
    column = "proxy" if proxy else "server" if own else "before"
    figures = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    figures[column] = {
        "measured": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} processors, "
        f"load {os.getloadavg()[0]:.1f}",
        "seen": figures.get(column, {}).get("seen", {}) | {name: asdict(each) for name, each in seen.items()},
    }
    FIGURES.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")
    replace_section(PAGE, "attacks", section(figures))


def section(figures: dict[str, Any]) -> str:
    columns = [name for name in COLUMNS if name in figures]
    head = "| attack | " + " | ".join(f"{COLUMNS[name]}: p95, refused" for name in columns) + " |"
    lines = [
        "## Attacks",
        "",
        "Written by `manage.py attack --write`. Bystanders at 127.0.0.1 (customers, a load balancer, Stripe) use a",
        "server in production mode with two processes and 10,000 products while an attacker at 127.0.0.2 does this:",
        "",
        *[f"- **{attack.__name__}**: {attack.__doc__}" for attack in ATTACKS],
        "",
        head,
        "|---|" + "---:|" * len(columns),
    ]
    for attack in ["nothing", *(attack.__name__ for attack in ATTACKS)]:
        lines.append(f"| {attack} | " + " | ".join(_cell(figures[name]["seen"].get(attack)) for name in columns) + " |")
    lines += ["", *(f"{COLUMNS[name]}: {figures[name]['measured']}.  " for name in columns)]
    return "\n".join(lines)


def _cell(seen: dict[str, Any] | None) -> str:
    if seen is None:
        return "-"
    return f"{seen['p95'] * 1000:,.0f} ms, {sum(seen['refused'].values()):,} of {seen['requests']:,}"
