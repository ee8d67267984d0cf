"""What the code imports, the requirements install: a fresh clone starts."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
ROOMS = ("accounts", "cart", "catalog", "orders", "payments", "shop")


def pinned(name: str) -> set[str]:
    """Return the distributions that a requirements file pins, by their normalised names."""
    lines = (ROOT / name).read_text().splitlines()
    return {normalised(line.split("==")[0]) for line in lines if "==" in line and not line.startswith("#")}


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(path: Path) -> set[str]:
    """Return the top-level modules that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - {*ROOMS, "conftest"}


def test_everything_that_is_imported_is_pinned() -> None:
    distributions = packages_distributions()
    production, development = pinned("requirements.txt"), pinned("requirements-dev.txt")
    # `bson` comes with pymongo, and so does its distribution's name.
    missing = set()
    for path in [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]:
        testing = bool({"tests", "testing", "fuzz"} & set(path.parts))
        known = production | development if testing else production
        for module in imported(path):
            if not {normalised(name) for name in distributions.get(module, [module])} & known:
                missing.add(f"{module} in {path.relative_to(ROOT)}")
    assert sorted(missing) == []
