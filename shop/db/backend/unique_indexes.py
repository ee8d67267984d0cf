"""Unique indexes that look-ups use.

django-mongodb-backend makes them partial with ``$type``, so the planner never uses them for look-ups. Here the filter
is ``$gte`` the lowest value, which every equality satisfies.
"""

from collections.abc import Iterator, Sequence
from typing import Any, TypeGuard

from bson import ObjectId
from django.db import connection
from django.db.models import BaseConstraint, Field, Index, Model, UniqueConstraint
from pymongo import ASCENDING, IndexModel

from shop.db.fields import column_of, field_of

# The lowest value by type. Any number of rows may have null.
_LOWEST: dict[str | None, Any] = {"string": "", "objectId": ObjectId(bytes(12))}


class UniqueIndex(Index):
    def get_pymongo_index_model(
        self, model: type[Model], schema_editor: Any, field: Field | None = None, **_: Any
    ) -> IndexModel:
        return _unique_index([field] if field else [field_of(model, name) for name in self.fields])


def unique_indexes(model: type[Model]) -> Iterator[IndexModel]:
    """Yield those of unique fields and of constraints without a condition."""
    for field in model._meta.local_fields:
        if field.unique and column_of(field) != "_id":
            yield _unique_index([field])
    together = [each.fields for each in model._meta.constraints if is_unconditional(each)]
    for names in [*model._meta.unique_together, *together]:
        yield _unique_index([field_of(model, name) for name in names])


def is_unconditional(constraint: BaseConstraint) -> TypeGuard[UniqueConstraint]:
    return isinstance(constraint, UniqueConstraint) and constraint.condition is None


def has_same_fields(index: IndexModel, other: dict[str, Any]) -> bool:
    """``other`` is described by ``index_information()``."""
    return list(index.document["key"].items()) == other["key"]


def is_same_index(index: IndexModel, other: dict[str, Any]) -> bool:
    options = ("unique", "partialFilterExpression")
    return has_same_fields(index, other) and all(index.document.get(name) == other.get(name) for name in options)


def _unique_index(fields: Sequence[Field]) -> IndexModel:
    """Return an index with MongoDB's default name, which is not that of an older release's."""
    not_null = {column_of(field): _not_null(field) for field in fields if field.null}
    options: dict[str, Any] = {"partialFilterExpression": not_null} if not_null else {}
    return IndexModel([(column_of(field), ASCENDING) for field in fields], unique=True, **options)


def _not_null(field: Field) -> dict[str, Any]:
    kind = field.db_type(connection)
    return {"$gte": _LOWEST[kind]} if kind in _LOWEST else {"$type": kind}
