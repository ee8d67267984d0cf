"""Without all migrations no request is served, and `migrate` completes an interrupted run."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from bson import ObjectId
from django.conf import settings
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test import Client
from pymongo.database import Database

from accounts.models import User
from shop.audit.invariants import indexes_exist, migrations_are_applied
from shop.db import schema_state
from shop.dev.mongod import free_port
from shop.dev.processes import spawn
from shop.dev.testing.commands import count_commands
from shop.dev.testing.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def other_database(db: None) -> Iterator[Database]:
    """An empty database beside that of the tests."""
    client = connection.get_database().client
    name = f"unmigrated-{ObjectId()}"
    yield client[name]
    client.drop_database(name)


@pytest.fixture
def half_migrated(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The database of the tests without the record of its last migration."""
    monkeypatch.setattr(schema_state, "_migrated", False)
    applied = connection.get_database()["django_migrations"]
    last = applied.find_one({"app": "orders"}, sort=[("name", -1)])
    applied.delete_one({"_id": last["_id"]})
    yield
    applied.insert_one(last)


def uri_of(database: Database) -> str:
    return urlunsplit(urlsplit(settings.DATABASES["default"]["HOST"])._replace(path=f"/{database.name}"))


def manage(database: Database, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=settings.BASE_DIR,
        env=environment(database),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def environment(database: Database) -> dict[str, str]:
    return {**os.environ, "MONGO_URI": uri_of(database), "PORT": str(free_port())}


def indexes_of(database: Database) -> dict[str, dict[str, Any]]:
    """Return the definition of every index by collection and name."""
    names = database.list_collection_names(filter={"type": "collection"})
    return {name: database[name].index_information() for name in names if not name.startswith("system.")}


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_nothing_starts_on_a_database_that_was_never_migrated(other_database: Database, command: str) -> None:
    done = manage(other_database, command)
    assert done.returncode == 1
    assert done.stderr.startswith("CommandError: The database lacks the migration ")
    assert "run `manage.py migrate` first" in done.stderr
    assert other_database.list_collection_names() == []


@pytest.mark.usefixtures("half_migrated")
def test_readiness_names_missing_migrations_and_remembers_success() -> None:
    client = Client(headers={"host": "10.1.2.3:8000"})
    for _ in range(2):
        reply = client.get("/readyz")
        assert (reply.status_code, reply.json()) == (503, {"status": "migrations not applied"})
    assert client.get("/livez").status_code == 200
    with pytest.raises(CommandError, match="migrate` first"):
        call_command("worker", "--once")


def test_readiness_asks_for_the_migrations_only_once(db: None) -> None:
    Client().get("/readyz")
    with count_commands() as commands:
        assert Client().get("/readyz").status_code == 200
    assert commands.names == []


@pytest.mark.usefixtures("half_migrated")
def test_audit_and_check_name_missing_migrations() -> None:
    assert [violation.partition(".")[0] for violation in migrations_are_applied()] == ["orders"]
    assert [message.id for message in run_checks(databases=["default"])] == ["shop.W005"]


def test_audit_names_missing_indexes(db: None) -> None:
    assert list(migrations_are_applied()) == list(indexes_exist()) == []
    users = connection.get_database()[User._meta.db_table]
    indexes = users.index_information()
    (unique,) = (name for name, index in indexes.items() if index.get("unique") and index["key"] == [("email", 1)])
    users.drop_index(unique)
    try:
        assert list(indexes_exist()) == ["accounts_user: unique email"]
    finally:
        options = {name: value for name, value in indexes[unique].items() if name not in ("key", "v", "ns")}
        users.create_index(indexes[unique]["key"], name=unique, **options)
    assert list(indexes_exist()) == []


def test_migrate_completes_what_a_worker_wrote_and_what_killed_runs_left(other_database: Database) -> None:
    # Written before the first migration; and a collection whose indexes are missing.
    other_database["shop_periodictask"].insert_one({"_id": "orders.expire"})
    other_database.create_collection("accounts_user")
    complete = indexes_of(connection.get_database())
    total = sum(map(len, complete.values()))
    for share in (0.1, 0.5):
        process = spawn(
            [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
            stdout=subprocess.DEVNULL,
            env=environment(other_database),
            folder=settings.BASE_DIR,
        )
        try:
            wait_until(lambda share=share: indexes_made(other_database) > share * total, seconds=120)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(10)
        assert schema_is_incomplete(other_database)

    done = manage(other_database, "migrate", "--verbosity", "0")

    assert done.returncode == 0, done.stderr
    assert indexes_of(other_database) == complete
    assert other_database["shop_periodictask"].count_documents({}) == 1


def indexes_made(database: Database) -> int:
    return sum(map(len, indexes_of(database).values()))


def schema_is_incomplete(database: Database) -> bool:
    applied = {(row["app"], row["name"]) for row in database["django_migrations"].find()}
    complete = {(row["app"], row["name"]) for row in connection.get_database()["django_migrations"].find()}
    return applied < complete


def test_migrate_names_values_that_keep_a_unique_index_from_being_created(other_database: Database) -> None:
    other_database["accounts_user"].insert_many([{"email": "a@b.c"}, {"email": "a@b.c"}])
    done = manage(other_database, "migrate", "--verbosity", "0")
    assert done.returncode == 1
    assert done.stderr.startswith("CommandError: A unique index cannot be created, because documents share a value")
    other_database["accounts_user"].delete_many({})
