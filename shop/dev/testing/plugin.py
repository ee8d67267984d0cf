"""Pytest plugin: a real MongoDB, a fixed environment, fast cleaning.

``-p`` loads it before pytest-django, so that Django reads this environment; only ``MONGO_URI`` is kept.
"""

import contextlib
import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from shop.dev import mongod
from shop.dev.testing import schema, writes
from shop.dev.testing.environment import ENVIRONMENT


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, Any, Any]:
    """Run before the settings are read."""
    os.environ.update(ENVIRONMENT)
    # Compile modules and rewrite assertions once, not in each of a hundred processes.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    things = contextlib.ExitStack()
    early_config.add_cleanup(things.close)
    folder = Path(tempfile.mkdtemp(prefix="shop-tests-"))
    things.callback(shutil.rmtree, folder, ignore_errors=True)
    os.environ["DATA_DIR"] = str(folder)
    if "PYTEST_XDIST_WORKER" not in os.environ:
        _hide_packages(folder / "hidden")
        os.environ[schema.COPIES] = str(folder)
    # Inherited by pytest-xdist's workers.
    try:
        if not os.environ.get("MONGO_URI"):
            os.environ["MONGO_URI"] = things.enter_context(mongod.temporary(journaled=False)).uri
            things.callback(os.environ.pop, "MONGO_URI", None)
        elif "PYTEST_XDIST_WORKER" not in os.environ:
            mongod.check_reachable(os.environ["MONGO_URI"])
    except mongod.MongodError as error:
        raise pytest.UsageError(str(error)) from error
    return (yield)


def _hide_packages(folder: Path) -> None:
    """Hide packages of the development tools from other processes, as in production.

    stripe and structlog would import them, which takes a fifth of a process's start.
    """
    folder.mkdir()
    for name in ("aiohttp", "rich"):
        (folder / f"{name}.py").write_text("raise ImportError")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run slow tests first, to end a parallel run earlier."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than processor cores: tests also wait, for time limits and other processes."""
    return (os.cpu_count() or 1) + 1


def pytest_configure() -> None:
    from django.conf import settings

    # Otherwise each test client's middleware scans all static files.
    settings.WHITENOISE_AUTOREFRESH = True
    writes.record_writes()


def pytest_collection_finish() -> None:
    """Do not look for garbage among all modules again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def pytest_runtest_setup(item: pytest.Item) -> None:
    writes.enter_module(item.nodeid.split("::")[0])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown() -> None:
    """Abort a failed test's transaction: it would hold its locks. Then `flush` of ``shop.dev`` cleans up."""
    from django.db import connections

    for connection in connections.all(initialized_only=True):
        if connection.session is not None:
            with contextlib.suppress(Exception):
                connection.session.abort_transaction()
            with contextlib.suppress(Exception):
                connection.session.end_session()
        connection.session = None
        connection.in_atomic_block_mongo = False
        connection.nested_atomics = 0
        connection.run_on_commit = []
