"""docs/security.md names every point there is, and tests that exist."""

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings

from shop.fuzz import report

ROOT = Path(settings.BASE_DIR)
PAGE = ROOT / "docs" / "security.md"
TEST = re.compile(r"`([\w/]+\.py)::(test_\w+)`")
WITHOUT_TESTS = ("_Does not apply_", "_The operator's_", "_Not met_", "_In part_")

TOP_10 = [
    "Broken Object Level Authorization",
    "Broken Authentication",
    "Broken Object Property Level Authorization",
    "Unrestricted Resource Consumption",
    "Broken Function Level Authorization",
    "Unrestricted Access to Sensitive Business Flows",
    "Server Side Request Forgery",
    "Security Misconfiguration",
    "Improper Inventory Management",
    "Unsafe Consumption of APIs",
]
# The chapters of ASVS 5.0.0, and how many requirements each of their sections has.
ASVS = {
    "Encoding and Sanitization": (2, 10, 12, 3, 3),
    "Validation and Business Logic": (3, 3, 5, 2),
    "Web Frontend Security": (1, 3, 5, 8, 8, 1, 5),
    "API and Web Service": (5, 5, 2, 4),
    "File Handling": (1, 6, 3, 3),
    "Authentication": (3, 12, 8, 6, 8, 4, 2, 4),
    "Session Management": (3, 4, 2, 5, 3, 2),
    "Authorization": (4, 4, 3, 2),
    "Self-contained Tokens": (3, 4),
    "OAuth and OIDC": (2, 3, 5, 16, 5, 2, 3),
    "Cryptography": (4, 5, 5, 4, 2, 2, 2),
    "Secure Communication": (5, 2, 5),
    "Configuration": (4, 6, 4, 7),
    "Data Protection": (2, 8, 3),
    "Secure Coding and Architecture": (5, 5, 7, 4),
    "Security Logging and Error Handling": (1, 5, 4, 3, 4),
    "WebRTC": (2, 8, 2),
}


@cache
def page() -> str:
    return PAGE.read_text()


def section(title: str) -> str:
    """What stands under a heading, up to the next one of any kind."""
    found = re.findall(rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)", page(), re.MULTILINE | re.DOTALL)
    assert len(found) == 1, f"{len(found)} headings {title!r}"
    return found[0]


@cache
def functions_of(path: str) -> set[str]:
    file = ROOT / path
    tree = ast.parse(file.read_text()) if file.is_file() else ast.Module([])
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_test_that_it_names_exists() -> None:
    named = TEST.findall(page())
    assert len(named) > 150
    assert sorted({f"{path}::{name}" for path, name in named if name not in functions_of(path)}) == []


@pytest.mark.parametrize(("number", "title"), list(enumerate(TOP_10, start=1)))
def test_every_point_of_the_top_10_has_its_tests(number: int, title: str) -> None:
    assert TEST.search(section(f"API{number}:2023 {title}"))


@pytest.mark.parametrize(("number", "title"), list(enumerate(ASVS, start=1)))
def test_every_requirement_of_the_asvs_is_answered_once(number: int, title: str) -> None:
    points = re.split(r"^- ", section(f"V{number} {title}"), flags=re.MULTILINE)[1:]
    answered: Counter[str] = Counter()
    for point in points:
        numbers = re.match(r"\*\*([\d., \n]+)\*\*", point)
        assert numbers, point
        answered.update(re.split(r",\s+", numbers[1]))
        assert TEST.search(point) or any(words in point for words in WITHOUT_TESTS), point
    sizes = ASVS[title]
    sections = {f"{number}.{place}": size for place, size in enumerate(sizes, start=1)}
    requirements = {
        f"{name}.{place}" for name, size in sections.items() for place in range(1, size + 1) if name not in answered
    }
    assert answered == Counter([*requirements, *(name for name in sections if name in answered)])


def test_the_figures_of_a_fuzz_run_stand_in_it() -> None:
    figures = page().partition(report.BEGIN)[2].partition(report.END)[0]
    assert re.search(r"Date: \d{4}-\d\d-\d\d .* seed \d+", figures)
    assert re.search(r"[\d,]{5,} requests", figures)
