import contextlib
from typing import Any

from django_mongodb_backend.schema import DatabaseSchemaEditor as BackendSchemaEditor
from pymongo.errors import CollectionInvalid, OperationFailure

_NAMESPACE_EXISTS = 48


class _Database:
    """Accept existing collections."""

    def __init__(self, database: Any) -> None:
        self._database = database

    def create_collection(self, name: str) -> None:
        with contextlib.suppress(CollectionInvalid):
            try:
                self._database.create_collection(name)
            except OperationFailure as error:
                # Created concurrently.
                if error.code != _NAMESPACE_EXISTS:
                    raise


class DatabaseSchemaEditor(BackendSchemaEditor):
    """Accept collections left by a killed migration. Creating an existing index is no error."""

    def get_database(self) -> Any:
        database = super().get_database()
        return database if self.collect_sql else _Database(database)
