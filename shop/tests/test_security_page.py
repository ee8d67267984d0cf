"""The pages name files that exist, and docs/security.md has tests for each risk and the results of a fuzz run."""

import re
from pathlib import Path

import pytest
from django.conf import settings

from shop.dev.fuzz import report

ROOT = Path(settings.BASE_DIR)
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
SECURITY = ROOT / "docs" / "security.md"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_and_folder_that_a_page_names_exists(page: Path) -> None:
    named = re.findall(r"`((?:accounts|cart|catalog|orders|payments|shop|docs)/[\w./-]*)`", page.read_text())
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_each_of_the_ten_risks_names_code_and_tests() -> None:
    sections = re.findall(r"^## API(\d+): .*?\n(.*?)(?=^## )", SECURITY.read_text(), re.MULTILINE | re.DOTALL)
    assert [int(number) for number, _ in sections] == list(range(1, 11))
    for _, text in sections:
        code, tests = text.split("- Code: ")[1].split("- Tests: ")
        assert "`" in code
        assert re.search(r"/tests/\w+(/\w+)?\.py`", tests)


def test_the_results_of_a_fuzz_run_are_between_its_marks() -> None:
    results = SECURITY.read_text().partition(report.BEGIN)[2].partition(report.END)[0]
    assert re.search(r"Date: \d{4}-\d\d-\d\d .* seed \d+", results)
    assert re.search(r"[\d,]{5,} requests", results)
