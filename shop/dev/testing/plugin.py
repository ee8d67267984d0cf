"""Pytest plugin (``-p shop.dev.testing.plugin``): a real MongoDB, a fixed environment, fast cleaning after each test.

It is loaded before pytest-django, so that Django reads this environment, independent of ``.env`` and the shell. Only
``MONGO_URI`` is kept, to test against another server.
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

# Written by migrations only; re-creating them takes 0.1 s per test.
_KEPT_COLLECTIONS = {"django_migrations", "django_content_type", "auth_permission"}


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, Any, Any]:
    """Set the environment before the settings are read, and start MongoDB in the main process."""
    os.environ.update(ENVIRONMENT)
    things = contextlib.ExitStack()
    early_config.add_cleanup(things.close)
    folder = Path(tempfile.mkdtemp(prefix="shop-tests-"))
    things.callback(shutil.rmtree, folder, ignore_errors=True)
    os.environ["DATA_DIR"] = str(folder)
    # Inherited by the workers of pytest-xdist.
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
    """Run slow tests first, so that none of them delays the end of a parallel run."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_configure() -> None:
    """Delete a test's documents instead of flushing and running the post-migrate signal again.

    ``db`` and ``transactional_db`` are equal here: MongoDB has no transaction that could wrap a whole test, so both
    clean up by deleting, and threads see the test's writes under both.
    """
    from django.conf import settings
    from django.test import TransactionTestCase

    TransactionTestCase._fixture_teardown = _empty_collections
    # Every test client loads the middleware, which would otherwise scan all static files each time.
    settings.WHITENOISE_AUTOREFRESH = True


def _empty_collections(self: Any) -> None:
    from django.db import connections

    for alias in self._databases_names(include_mirrors=False):
        connection = connections[alias]
        _end_transaction(connection)
        # Majority reads do not see the latest writes with a lower write concern (rate limits).
        database = connection.database.with_options(read_concern=ReadConcern("local"))
        for name in _filled_collections(database):
            database[name].delete_many({})


def _end_transaction(connection: Any) -> None:
    """Abort the transaction of a failed test, which would hold its locks during the next one."""
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
    """Return the names of collections with documents, with two commands in total."""
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
