"""Pytest plugin: a real MongoDB, a fixed environment, fast cleaning.

``-p`` loads it before pytest-django, so that Django reads this environment; only ``MONGO_URI`` is kept.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from pymongo.read_concern import ReadConcern

from shop.dev import mongod
from shop.dev.testing.environment import ENVIRONMENT

# Re-creating what migrations write takes 0.1 s per test.
_KEPT_COLLECTIONS = {"django_migrations", "django_content_type", "auth_permission"}


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, Any, Any]:
    """Run before the settings are read."""
    os.environ.update(ENVIRONMENT)
    things = contextlib.ExitStack()
    early_config.add_cleanup(things.close)
    folder = Path(tempfile.mkdtemp(prefix="shop-tests-"))
    things.callback(shutil.rmtree, folder, ignore_errors=True)
    os.environ["DATA_DIR"] = str(folder)
    # Inherited by pytest-xdist's workers.
    try:
        if not os.environ.get("MONGO_URI"):
            os.environ["MONGO_URI"] = things.enter_context(mongod.temporary()).uri
            things.callback(os.environ.pop, "MONGO_URI", None)
        elif "PYTEST_XDIST_WORKER" not in os.environ:
            mongod.check_reachable(os.environ["MONGO_URI"])
    except mongod.MongodError as error:
        raise pytest.UsageError(str(error)) from error
    return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run slow tests first, to end a parallel run earlier."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_configure() -> None:
    """Clean up by deleting, for ``db`` too: MongoDB has no transaction around a test."""
    from django.conf import settings
    from django.test import TransactionTestCase

    TransactionTestCase._fixture_teardown = _empty_collections
    # Otherwise each test client's middleware scans all static files.
    settings.WHITENOISE_AUTOREFRESH = True


def _empty_collections(self: Any) -> None:
    from django.db import connections

    for alias in self._databases_names(include_mirrors=False):
        connection = connections[alias]
        _end_transaction(connection)
        # Majority reads miss the latest writes of lower concern.
        database = connection.database.with_options(read_concern=ReadConcern("local"))
        for name in _filled_collections(database):
            database[name].delete_many({})


def _end_transaction(connection: Any) -> None:
    """Abort a failed test's transaction: it would hold its locks."""
    if connection.session is not None:
        with contextlib.suppress(Exception):
            connection.session.abort_transaction()
        with contextlib.suppress(Exception):
            connection.session.end_session()
    connection.session = None
    connection.in_atomic_block_mongo = False
    connection.nested_atomics = 0
    connection.run_on_commit = []


def _filled_collections(database: Any) -> list[str]:
    """Return collections with documents, in two commands."""
    names = [
        name
        for name in database.list_collection_names(filter={"type": "collection"})
        if name not in _KEPT_COLLECTIONS and not name.startswith("system.")
    ]
    if not names:
        return []

    def one_of(name: str) -> list[dict[str, Any]]:
        return [{"$limit": 1}, {"$project": {"_id": 0, "collection": {"$literal": name}}}]

    first, *others = names
    union = [{"$unionWith": {"coll": name, "pipeline": one_of(name)}} for name in others]
    return [row["collection"] for row in database[first].aggregate([*one_of(first), *union])]
