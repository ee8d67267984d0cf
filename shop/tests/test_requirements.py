"""The requirements install what the code imports, and the code uses only public APIs."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import packages_distributions
from pathlib import Path
from pkgutil import walk_packages

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
APPS = ("accounts", "cart", "catalog", "orders", "payments", "shop")


def pinned(name: str) -> set[str]:
    """Return the distributions that a requirements file pins, by their normalized names."""
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
    return names - set(sys.stdlib_module_names) - {*APPS, "conftest"}


def test_everything_that_is_imported_is_pinned() -> None:
    distributions = packages_distributions()
    production, development = pinned("requirements.txt"), pinned("requirements-dev.txt")
    optional = pinned("requirements-traces.txt")
    # `bson` comes with pymongo, and so does its distribution's name.
    missing = set()
    for path in [path for room in APPS for path in (ROOT / room).rglob("*.py")]:
        testing = bool({"tests", "testing", "fuzz", "contract"} & set(path.parts))
        known = production | development | optional if testing else production
        if path.parent.name == "traces":
            known = production | optional
        for module in imported(path):
            if not {normalised(name) for name in distributions.get(module, [module])} & known:
                missing.add(f"{module} in {path.relative_to(ROOT)}")
    assert sorted(missing) == []


def classes() -> Iterator[type]:
    """Yield the project's classes, without those of tests and migrations."""
    for package in map(import_module, APPS):
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            if not {"tests", "migrations", "contrib_migrations", "__main__"} & set(module.name.split(".")):
                things = vars(import_module(module.name)).values()
                yield from (each for each in things if isinstance(each, type) and each.__module__ == module.name)


def test_no_private_method_of_a_dependency_is_overridden() -> None:
    overridden = {
        f"{mine.__qualname__}.{name}"
        for mine in classes()
        for name, value in vars(mine).items()
        if name.startswith("_") and not name.endswith("_") and callable(getattr(value, "__func__", value))
        for base in mine.__mro__[1:]
        if base.__module__.split(".")[0] not in APPS and name in vars(base)
    }
    # Django documents it for storages.
    assert overridden == {"CloudinaryStorage._save"}
