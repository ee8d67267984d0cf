"""Database engine for `settings.DATABASES`."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

from django_mongodb_backend.utils import OperationDebugWrapper
from pymongo.collection import Collection
from pymongo.command_cursor import CommandCursor

from shop.db.backend.gis import without_gis_libraries
from shop.db.deadline import driver_call, is_limited

with without_gis_libraries():
    from django_mongodb_backend import base, operations

    from shop.db.backend.schema import DatabaseSchemaEditor


def _limited(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def limited(self: Collection, *args: Any, **kwargs: Any) -> Any:
        with driver_call():
            return method(self, *args, **kwargs)

    return limited


class LimitedCursor:
    """Limits the time of fetching batches."""

    def __init__(self, cursor: CommandCursor) -> None:
        self._cursor = cursor

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self

    def __next__(self) -> dict[str, Any]:
        with driver_call():
            return next(self._cursor)

    def to_list(self) -> list[dict[str, Any]]:
        with driver_call():
            return self._cursor.to_list()

    def close(self) -> None:
        self._cursor.close()


class LimitedCollection(Collection):
    def aggregate(self, *args: Any, **kwargs: Any) -> CommandCursor | LimitedCursor:  # type: ignore[override]
        with driver_call():
            cursor = super().aggregate(*args, **kwargs)
        return LimitedCursor(cursor) if cursor.cursor_id and is_limited() else cursor

    bulk_write = _limited(Collection.bulk_write)
    count_documents = _limited(Collection.count_documents)
    delete_many = _limited(Collection.delete_many)
    delete_one = _limited(Collection.delete_one)
    distinct = _limited(Collection.distinct)
    estimated_document_count = _limited(Collection.estimated_document_count)
    find_one = _limited(Collection.find_one)
    find_one_and_delete = _limited(Collection.find_one_and_delete)
    find_one_and_replace = _limited(Collection.find_one_and_replace)
    find_one_and_update = _limited(Collection.find_one_and_update)
    index_information = _limited(Collection.index_information)
    insert_many = _limited(Collection.insert_many)
    insert_one = _limited(Collection.insert_one)
    replace_one = _limited(Collection.replace_one)
    update_many = _limited(Collection.update_many)
    update_one = _limited(Collection.update_one)


class DatabaseOperations(operations.DatabaseOperations):
    compiler_module = "shop.db.backend.compiler"


class DatabaseWrapper(base.DatabaseWrapper):
    ops_class = DatabaseOperations
    SchemaEditorClass = DatabaseSchemaEditor

    def get_collection(self, name: str, **kwargs: Any) -> Collection | OperationDebugWrapper:
        collection = LimitedCollection(self.database, name, **kwargs)
        return OperationDebugWrapper(self, collection) if self.queries_logged else collection
