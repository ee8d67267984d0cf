"""A deployment from its first day to its restored backup."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from shop.dev.rehearsal import releases


@pytest.mark.large
@pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed")
def test_a_shop_is_deployed_upgraded_under_load_and_restored_without_a_failed_request() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "rehearse", "--seconds", "2", "--shoppers", "3"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DEBUG": "1"},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    sold = re.search(r"rolled back and replaced again while (\d+) orders .* none failed", done.stdout)
    assert sold
    assert int(sold[1]) > 5
    assert re.search(r"listed the payments of all [1-9]\d* lost orders", done.stdout)


def test_a_release_contains_no_tests_and_no_development_tools(tmp_path: Path) -> None:
    folder = tmp_path / "release"
    releases.later_release(folder)
    assert (folder / "catalog" / "migrations" / "9999_later_release.py").is_file()
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    assert "manage.py" in names
    assert not any(name.startswith(("shop/dev", ".")) or "/tests" in name for name in names)
