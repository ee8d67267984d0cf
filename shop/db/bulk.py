"""Bulk writes."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, models
from django_mongodb_backend.query import wrap_database_errors
from pymongo import UpdateOne

from shop.db import documents


def update_rows(model: type[models.Model], changes: Mapping[Any, Mapping[str, Any]]) -> int:
    """Set fields by primary key; return the number matched."""
    return write(model, [UpdateOne({"_id": pk}, {"$set": _columns(model, values)}) for pk, values in changes.items()])


@wrap_database_errors
def write(model: type[models.Model], operations: Sequence[UpdateOne]) -> int:
    """Return the number of matched rows. Raises ``IntegrityError`` and ``DatabaseError``."""
    if not operations:
        return 0
    collection, session = documents.collection_of(model)
    return collection.bulk_write(operations, session=session).matched_count


def _columns(model: type[models.Model], values: Mapping[str, Any]) -> dict[str, Any]:
    connection = connections[DEFAULT_DB_ALIAS]
    fields = ((model._meta.get_field(name), value) for name, value in values.items())
    return {field.column: field.get_db_prep_save(value, connection) for field, value in fields}
