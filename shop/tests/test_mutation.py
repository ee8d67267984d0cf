"""`make mutation`: mutants that a test could notice, and whether the tests do."""

from pathlib import Path

import pytest

from shop.dev.testing import mutation

SOURCE = """
@final
def spread(amount: int | None, /, *, parts: int = 3, **rest: int | str) -> list[int] | None:
    smallest: int | None = None
    while not amount > parts and rest:
        return [*rest, smallest]
"""

CHANGED_LINES = [
    "def spread(amount: int | None, /, *, parts: int = 2, **rest: int | str) -> list[int] | None:",
    "def spread(amount: int | None, /, *, parts: int = 4, **rest: int | str) -> list[int] | None:",
    "while not amount <= parts and rest:",
    "while not amount >= parts and rest:",
    "while not amount > parts or rest:",
]


def test_mutants_change_the_meaning_and_each_is_another_one() -> None:
    found = [mutant.diff.splitlines()[-1][1:].strip() for mutant in mutation.mutants(SOURCE)]
    assert sorted(" ".join(line.split()) for line in found if line != "@final") == sorted(CHANGED_LINES)


@pytest.mark.slow
def test_what_the_tests_do_not_notice_is_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    module, tests = tmp_path / "shipping.py", tmp_path / "test_shipping.py"
    module.write_text("def is_free(total: int) -> bool:\n    return total >= 50\n")
    tests.write_text("from shipping import is_free\n\ndef test(): assert is_free(50) and not is_free(40)\n")
    # Importing all plugins takes seconds, in each run of the tests again.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p pytest_django.plugin")
    # These tests need no Django.
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE")
    before = module.read_text()
    monkeypatch.setattr(mutation, "PROJECT", tmp_path)
    monkeypatch.setattr(mutation, "TESTS", {"shipping.py": ["test_shipping.py"]})

    assert mutation.main([]) == 0

    reported = " ".join(capfd.readouterr().out.split())
    assert "shipping.py:2 - return total >= 50 + return total >= 49 " in reported
    assert reported.endswith("shipping.py 4 3 1 75%")
    assert module.read_text() == before
    assert {each.name for each in tmp_path.iterdir()} == {"shipping.py", "test_shipping.py"}
