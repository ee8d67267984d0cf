"""``manage.py bench``: measurements, output and requirements."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import requests
from django.conf import settings
from django.core.management import CommandError, call_command

from shop.dev.bench import chart, meters, report, wrk
from shop.dev.bench.rounds import Comparison, Result, Round
from shop.dev.bench.scenarios import Request
from shop.dev.bench.soak import Soak
from shop.dev.bench.wrk import EAGER, Crowd


def bench(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", "bench", *arguments]
    inherited = {name: value for name, value in os.environ.items() if name != "MONGO_URI"}
    environment = {**inherited, **environment}
    return subprocess.run(command, cwd=settings.BASE_DIR, env=environment, text=True, capture_output=True, timeout=300)


def has(*tools: str) -> bool:
    return all(subprocess.run(["which", tool], capture_output=True).returncode == 0 for tool in tools)


def rounds(*rates: float) -> Result:
    return Result([Round(rate, p50=1, p99=2, cpu_ms=1000 / rate, database_cpu_ms=1, commands=3) for rate in rates])


@pytest.fixture
def comparison() -> Comparison:
    results = {"list": {"shop": rounds(1000, 1200, 900), "peer": rounds(500, 400, 450)}}
    return Comparison("Two <sides>", "peer", results, memory_mb={"shop": 100.4, "peer": 170})


# --- A run ------------------------------------------------------------------------------------------------------------


@pytest.mark.large
@pytest.mark.skipif(not has("wrk", "taskset"), reason="wrk and taskset are not installed")
def test_a_short_run_buys_without_an_error_and_counts_what_it_costs() -> None:
    done = bench("--only", "buy", "--products", "400", "--rounds", "1", "--seconds", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = [line.split() for line in done.stdout.splitlines() if line.startswith("buy")]
    name, contestant, rate, ratio, *_, commands, errors = line
    assert (name, contestant, ratio, errors) == ("buy", "shop", "1", "0")
    assert float(rate) > 0
    assert float(commands) > 2
    assert "Peak memory: shop" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--only", "lsit"], "There is no scenario lsit; there are list, filtered,"),
        (["--peer", "/nowhere"], "There is no server.js in /nowhere."),
        (["--products", "399"], "The requested pages need 400 products."),
        (["--rounds", "0"], "'0' is not a whole number of 1 or more"),
    ],
)
def test_errors_are_one_sentence(
    arguments: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for tool in ("wrk", "node", "taskset"):
        (tmp_path / tool).write_text("#!/bin/sh\n")
        (tmp_path / tool).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(CommandError, match=re.escape(sentence)):
        call_command("bench", *arguments)


def test_a_missing_tool_is_named(tmp_path: Path) -> None:
    done = bench(PATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("CommandError: The benchmark needs taskset: install it")


# --- What it says -----------------------------------------------------------------------------------------------------


def test_the_ratio_is_the_median_over_pairs_of_rounds_with_its_range(comparison: Comparison) -> None:
    first, second = report.rows(comparison)
    assert first == ["list", "shop", "1,000", "2.00 (2.00–3.00)", "1.0", "2.0", "1.00", "1.00", "3.0", "0"]
    assert second[:4] == ["", "peer", "450", "1"]
    assert "Peak memory: shop 100 MB, peer 170 MB." in report.text(comparison)


def test_the_ratio_can_be_that_of_the_cost_of_a_request(comparison: Comparison) -> None:
    comparison.measure = "cpu_ms"
    assert report.columns(comparison)[3] == "CPU ratio (range)"
    assert report.rows(comparison)[0][3] == "0.50 (0.33–0.50)"
    assert "0.50: shop" in chart.bars(comparison)


def test_the_conditions_name_every_load_once() -> None:
    said = report.conditions([EAGER, EAGER, Crowd(4, pause_ms=14)])
    assert said.endswith("`wrk` with 8 connections or 4 connections that pause for 14 ms on average._")


def test_a_side_that_only_made_errors_has_no_figures(comparison: Comparison) -> None:
    comparison.results["list"]["shop"] = Result(errors=42, gave_up=True)
    first, second = report.rows(comparison)
    assert first == ["list", "shop", *["-"] * 7, "42"]
    assert second[2] == "450"
    assert "no round without errors" in chart.bars(comparison)


def test_charts_are_well_formed(comparison: Comparison) -> None:
    for picture in (chart.bars(comparison), chart.line("Memory", [(0.5, 100), (1, 101)], unit="MB")):
        assert ElementTree.fromstring(picture).tag.endswith("svg")
    assert "2.00: shop" in chart.bars(comparison)


def test_each_section_of_the_page_is_replaced_on_its_own(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Title\n<!-- a: begin -->\nold\n<!-- a: end -->\n<!-- b: begin -->\nkept\n<!-- b: end -->\n")
    report.replace_section(page, "a", "new")
    assert page.read_text() == (
        "Title\n<!-- a: begin -->\nnew\n<!-- a: end -->\n<!-- b: begin -->\nkept\n<!-- b: end -->\n"
    )
    with pytest.raises(ValueError, match="no place for 'c'"):
        report.replace_section(page, "c", "new")


def test_the_page_has_a_place_for_every_comparison() -> None:
    page = (Path(settings.BASE_DIR) / "docs" / "performance.md").read_text()
    for name in ("main", "growth", "servers", "processes", "scaling", "soak"):
        assert f"<!-- {name}: begin -->" in page
        assert f"<!-- {name}: end -->" in page


def test_a_soak_compares_the_memory_of_its_last_third_with_its_first() -> None:
    warm_up: list[Any] = [(1, 50), (2, 90)]
    assert Soak([*warm_up, (3, 100), (4, 100), (5, 100)]).growth_mb == 0
    assert Soak([*warm_up, (3, 100), (4, 110), (5, 130)]).growth_mb == 30
    assert str(Soak()) == "Nothing was measured."


# --- What it sends and reads ------------------------------------------------------------------------------------------


def test_a_request_is_one_line_of_four_fields() -> None:
    assert Request("GET", "/a?b=c").line == "GET\t/a?b=c\t\t"
    assert Request("POST", "/a", "token", {"text": "tab\tand\nline"}).line == (
        'POST\t/a\ttoken\t{"text": "tab\\tand\\nline"}'
    )


@pytest.mark.skipif(not has("wrk", "taskset"), reason="wrk and taskset are not installed")
def test_a_connection_that_pauses_sends_what_the_file_lists_but_more_rarely(live_server: Any, tmp_path: Path) -> None:
    requests.get(f"{live_server.url}/livez", timeout=30)
    file, core = tmp_path / "requests", min(os.sched_getaffinity(0))
    wrk.write_requests(file, [Request("GET", "/livez"), Request("GET", "/nowhere")])
    eager, patient = (
        wrk.load(live_server.url, file, seconds=2, core=core, crowd=Crowd(1, pause_ms)) for pause_ms in (0, 200)
    )
    # About ten pauses in two seconds, and never fewer than five.
    assert 0 < patient.requests < 20
    assert patient.requests < eager.requests
    # A reply that is no success is an error: every second one.
    assert patient.errors == patient.requests // 2


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_processor_time_and_memory_are_those_of_a_process_and_its_children() -> None:
    busy = "import time\nwhile time.process_time() < 0.5: pass\nx = bytearray(50_000_000)\n"
    code = f"import subprocess, sys, time\n{busy}print('ready', flush=True)\ntime.sleep(60)\n"
    parent = subprocess.Popen(
        [sys.executable, "-c", f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {code!r}])"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        assert len(meters.tree(parent.pid)) == 2
        assert 0.4 < meters.cpu_seconds(parent.pid) < 5
        assert 50 < meters.memory_mb(parent.pid) <= meters.memory_mb(parent.pid, peak=True)
    finally:
        for pid in reversed(meters.tree(parent.pid)):
            os.kill(pid, 9)
        parent.wait()
