"""Migrations that can be run again after they were killed."""

import contextlib
from typing import Any

from django_mongodb_backend.schema import DatabaseSchemaEditor as BackendSchemaEditor
from pymongo.errors import CollectionInvalid, OperationFailure

_NAMESPACE_EXISTS = 48


class _Database:
    """The database, in which creating a collection that exists is no error."""

    def __init__(self, database: Any) -> None:
        self._database = database

    def create_collection(self, name: str) -> None:
        with contextlib.suppress(CollectionInvalid):
            try:
                self._database.create_collection(name)
            except OperationFailure as error:
                # Another process created it at the same time.
                if error.code != _NAMESPACE_EXISTS:
                    raise


class DatabaseSchemaEditor(BackendSchemaEditor):
    """The backend's, which completes what is there already.

    MongoDB creates indexes that exist without an error. A collection exists if a migration was killed before it was
    recorded, or if a process wrote to it before the first migration.
    """

    def get_database(self) -> Any:
        database = super().get_database()
        return database if self.collect_sql else _Database(database)
