"""Collections and schemas that this process has changed, so that not each test asks the database.

It is asked once in each module, and if others may have changed more: another process, or a write that failed here.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from django.db import connection
from pymongo import monitoring
from pymongo.database import Database

# Written by migrations; no test changes them.
KEPT_COLLECTIONS = {"django_migrations", "django_content_type", "auth_permission"}
_WRITES = {"insert", "update", "delete", "findAndModify"}
_SCHEMA_CHANGES = {"create", "createIndexes", "drop", "dropIndexes", "dropDatabase", "renameCollection", "collMod"}
_PROCESSES = {"subprocess.Popen", "os.fork", "os.posix_spawn"}


class _Recorder(monitoring.CommandListener):
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._written: dict[str, set[str]] = {}
        self._module = ""
        self._ask_once = True
        self._ask_always = False
        self._schema_changes = 0

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name in _WRITES:
            collection = event.command[event.command_name]
            self._schema_changes += collection == "django_migrations"
            with self._lock:
                self._written.setdefault(event.database_name, set()).add(collection)
        elif event.command_name in _SCHEMA_CHANGES:
            self._schema_changes += 1
            self._ask_once |= event.command_name == "renameCollection"

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        # The server may execute it later.
        self._ask_always |= event.command_name in _WRITES

    def audit(self, event: str, _: Any) -> None:
        self._ask_always |= event in _PROCESSES

    def enter(self, module: str) -> None:
        if module != self._module:
            self._module, self._ask_once, self._ask_always = module, True, False

    def names(self, database: Database, *, forget: bool) -> set[str]:
        with self._lock:
            written = self._written.get(database.name, set()) - KEPT_COLLECTIONS
            if forget:
                self._written.pop(database.name, None)
        if not (self._ask_once or self._ask_always):
            return written
        if forget:
            self._ask_once = False
        return filled_collections(database)

    def once_per_schema(self, check: Callable[[], Any]) -> Callable[[], Iterator[str]]:
        """Return a function that does not repeat a check that found nothing before the schema changes."""
        sound: set[tuple[str, int]] = set()

        def run() -> Iterator[str]:
            state = (connection.settings_dict["NAME"], self._schema_changes)
            if state in sound and not self._ask_always:
                return
            found = list(check())
            if not found:
                sound.add(state)
            yield from found

        return run


_recorder = _Recorder()
once_per_schema = _recorder.once_per_schema


def record_writes() -> None:
    """Start before the first connection."""
    monitoring.register(_recorder)
    sys.addaudithook(_recorder.audit)


def enter_module(name: str) -> None:
    _recorder.enter(name)


def possibly_filled_collections(database: Database, *, forget: bool = False) -> list[str]:
    """Return sorted names; ``forget`` if they are emptied now."""
    return sorted(_recorder.names(database, forget=forget))


def filled_collections(database: Database) -> set[str]:
    """Return the names of collections with documents, except those that are kept."""
    names = [
        name
        for name in database.list_collection_names(filter={"type": "collection"})
        if name not in KEPT_COLLECTIONS and not name.startswith("system.")
    ]
    if not names:
        return set()

    def one_of(name: str) -> list[dict[str, Any]]:
        return [{"$limit": 1}, {"$project": {"_id": 0, "collection": {"$literal": name}}}]

    first, *others = names
    union = [{"$unionWith": {"coll": name, "pipeline": one_of(name)}} for name in others]
    return {row["collection"] for row in database[first].aggregate([*one_of(first), *union])}
