"""Pytest plugin (``-p shop.testing.plugin``): one real MongoDB, a fixed environment, quick cleaning after each test.

It is loaded before pytest-django, so that Django finds its settings here and nowhere else: neither a developer's
``.env`` nor the shell changes what the tests see. Only ``MONGO_URI`` is taken over, to test against another server.
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

from shop import mongod
from shop.testing.environment import ENVIRONMENT

# Written by migrations and by nothing that a test does: Django would re-create them, at 0.1 s a test.
_KEPT_COLLECTIONS = {"django_migrations", "django_content_type", "auth_permission"}


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, Any, Any]:
    """Before anything reads the settings: fix the environment, and start MongoDB in the process that leads the run."""
    os.environ.update(ENVIRONMENT)
    things = contextlib.ExitStack()
    early_config.add_cleanup(things.close)
    folder = Path(tempfile.mkdtemp(prefix="shop-tests-"))
    things.callback(shutil.rmtree, folder, ignore_errors=True)
    os.environ["DATA_DIR"] = str(folder)
    # The workers of pytest-xdist inherit the address.
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
    """Run slow tests first: one that begins last would keep the other workers waiting."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_configure() -> None:
    """Empty what a test filled, instead of flushing everything and running the post-migrate work again.

    ``db`` and ``transactional_db`` are the same here: MongoDB has no transaction that could wrap a whole test, so both
    clean up by deleting, and threads see what the test wrote under both.
    """
    from django.conf import settings
    from django.test import TransactionTestCase

    TransactionTestCase._fixture_teardown = _empty_collections
    # Every test client loads the middleware anew, which must not look through all the static files each time.
    settings.WHITENOISE_AUTOREFRESH = True


def _empty_collections(self: Any) -> None:
    from django.db import connections

    for alias in self._databases_names(include_mirrors=False):
        connection = connections[alias]
        _end_transaction(connection)
        # Majority reads would not see yet what was written with less (the counts of rate limits).
        database = connection.database.with_options(read_concern=ReadConcern("local"))
        for name in _filled_collections(database):
            database[name].delete_many({})


def _end_transaction(connection: Any) -> None:
    """End what a failed test left open: it would hold its locks against the next one."""
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
    """Names of the collections that hold documents, found with two commands however many there are."""
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
