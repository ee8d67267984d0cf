"""Copies of the schema that ``migrate`` makes, which takes seconds, for other empty databases of a test run."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bson
from pymongo import MongoClient
from pymongo.database import Database

# Environment variable, set by the plugin: a folder that lasts as long as the run.
COPIES = "SCHEMA_COPIES"


def prepare_database(uri: str, migrate: Callable[[], object]) -> None:
    """Call ``migrate``, unless the database is empty and ``COPIES`` has what it made in another one."""
    folder = os.environ.get(COPIES)
    with MongoClient[dict[str, Any]](uri) as client:
        database = client.get_default_database()
        if not folder or database.list_collection_names():
            migrate()
            return
        copy = Path(folder) / "schema.bson"
        with (Path(folder) / "schema.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not copy.exists():
                migrate()
                content = bson.encode({"collections": _describe(database)})
                # A killed process leaves no part of it.
                unfinished = copy.with_suffix(".unfinished")
                unfinished.write_bytes(content)
                unfinished.replace(copy)
                return
        _create(bson.decode(copy.read_bytes())["collections"], database)


def _describe(database: Database[dict[str, Any]]) -> list[dict[str, Any]]:
    collections = []
    for listed in database.list_collections():
        collection = database[listed["name"]]
        indexes = [index for index in collection.list_indexes() if index["name"] != "_id_"]
        described = {"name": collection.name, "options": listed["options"]}
        collections.append(described | {"indexes": indexes, "documents": list(collection.find())})
    return collections


def _create(collections: list[dict[str, Any]], database: Database[dict[str, Any]]) -> None:
    for each in collections:
        database.command("create", each["name"], **each["options"])
        if each["indexes"]:
            database.command("createIndexes", each["name"], indexes=each["indexes"])
        if each["documents"]:
            database[each["name"]].insert_many(each["documents"])
