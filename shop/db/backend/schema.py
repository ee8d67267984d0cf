import contextlib
import copy
from collections.abc import Iterator
from typing import Any

from django.db.models import BaseConstraint, Field, Index, Model
from django_mongodb_backend.query import wrap_database_errors
from django_mongodb_backend.schema import DatabaseSchemaEditor as BackendSchemaEditor
from pymongo import ASCENDING
from pymongo.errors import CollectionInvalid, OperationFailure

from shop.db.backend.unique_indexes import UniqueIndex, has_same_fields, is_unconditional, unique_indexes

_INDEX_NOT_FOUND = 27
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
    """Accept collections and dropped indexes left by a killed migration. Creating an existing index is no error."""

    def get_database(self) -> Any:
        database = super().get_database()
        return database if self.collect_sql else _Database(database)

    def add_index(self, model: type[Model], index: Index, *, unique: bool = False, **options: Any) -> None:
        if unique and not index.condition and not options.get("parent_model"):
            index = UniqueIndex(fields=index.fields, name=index.name)
        super().add_index(model, index, unique=unique, **options)

    def remove_index(self, model: type[Model], index: Index) -> None:
        with _missing_is_no_error():
            super().remove_index(model, index)

    def remove_constraint(self, model: type[Model], constraint: BaseConstraint) -> None:
        if is_unconditional(constraint):
            name = UniqueIndex(fields=constraint.fields).get_pymongo_index_model(model, self).document["name"]
            self.remove_index(model, Index(fields=constraint.fields, name=name))
        super().remove_constraint(model, constraint)

    def alter_field(self, model: type[Model], old_field: Any, new_field: Any, strict: bool = False) -> None:
        """Drop the index of a field that is no longer indexed here: the backend fails unless it finds exactly one."""
        if old_field.db_index and not new_field.db_index and not self.collect_sql:
            self._drop_index_of(model, old_field)
            old_field = copy.copy(old_field)
            old_field.db_index = False
        super().alter_field(model, old_field, new_field, strict)

    def _drop_index_of(self, model: type[Model], field: Field) -> None:
        declared = {each.name for each in (*model._meta.indexes, *model._meta.constraints)}
        collection = self.get_collection(model._meta.db_table)
        for name, index in collection.index_information().items():
            if index["key"] == [(field.column, ASCENDING)] and not index.get("unique") and name not in declared:
                with _missing_is_no_error():
                    collection.drop_index(name)

    @wrap_database_errors
    def replace_unique_indexes(self, model: type[Model]) -> None:
        """Build the model's unique indexes, then drop other indexes on the same fields."""
        conditional = (each.name for each in model._meta.constraints if not is_unconditional(each))
        kept = {*conditional, *(index.name for index in model._meta.indexes)}
        collection = self.get_collection(model._meta.db_table)
        for index in unique_indexes(model):
            collection.create_indexes([index])
            for name, other in collection.index_information().items():
                if has_same_fields(index, other) and name not in {index.document["name"], *kept}:
                    with _missing_is_no_error():
                        collection.drop_index(name)
        for field in model._meta.local_many_to_many:
            through = field.remote_field.through
            if through is not None and through._meta.auto_created:
                self.replace_unique_indexes(through)


@contextlib.contextmanager
def _missing_is_no_error() -> Iterator[None]:
    """Dropped by a killed migration, or concurrently."""
    try:
        yield
    except OperationFailure as error:
        if error.code != _INDEX_NOT_FOUND:
            raise
