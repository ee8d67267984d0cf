"""Schema editor for migrations that can be repeated after they were killed."""

import contextlib
from typing import Any

from django_mongodb_backend.schema import DatabaseSchemaEditor as BackendSchemaEditor
from pymongo.errors import CollectionInvalid, OperationFailure

_NAMESPACE_EXISTS = 48


class _Database:
    """Database proxy that accepts creating an existing collection."""

    def __init__(self, database: Any) -> None:
        self._database = database

    def create_collection(self, name: str) -> None:
        with contextlib.suppress(CollectionInvalid):
            try:
                self._database.create_collection(name)
            except OperationFailure as error:
                # Created concurrently by another process.
                if error.code != _NAMESPACE_EXISTS:
                    raise


class DatabaseSchemaEditor(BackendSchemaEditor):
    """The backend's schema editor, which accepts existing collections.

    A collection exists if a migration was killed before it was recorded, or if a process wrote to it before. Creating
    an existing index is no error in MongoDB.
    """

    def get_database(self) -> Any:
        database = super().get_database()
        return database if self.collect_sql else _Database(database)
