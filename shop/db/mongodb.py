"""Patches of django-mongodb-backend 5.2, indexes, lookups.

`shop/tests/test_mongodb.py` shows which patches are obsolete.
"""

from collections.abc import Sequence
from typing import Any

from django.db import models
from django.db.models import Lookup
from django.db.models.fields.tuple_lookups import TupleIn
from django.db.models.lookups import In
from django_mongodb_backend.fields import ArrayField
from django_mongodb_backend.operations import DatabaseOperations
from django_mongodb_backend.query import MongoQuery
from pymongo import IndexModel
from pymongo.collation import Collation
from pymongo.errors import BulkWriteError

from shop.db.fields import column_of, field_of

CASE_INSENSITIVE = Collation("en", strength=1)
# Sorts after every text with the same prefix.
LAST_CHARACTER = "\uffff"


def apply_backend_patches() -> None:
    # The backend does not escape the value: ".*" would match everything.
    DatabaseOperations.prep_for_iexact_query = DatabaseOperations.prep_for_like_query
    MongoQuery.get_pipeline = _get_pipeline  # type: ignore[method-assign]
    # `prefetch_related` on a foreign key would scan the other collection.
    TupleIn.as_mql = _tuple_in_as_mql  # type: ignore[attr-defined]


_backend_get_pipeline = MongoQuery.get_pipeline


def _get_pipeline(self: MongoQuery) -> list[dict[str, Any]]:
    """Remove stages that prevent sorting by an index: copies of ordering fields and projections before ``$sort``."""
    if self.extra_fields:
        needed = {name: value for name, value in self.extra_fields.items() if value != f"${name}"}
        self.extra_fields = needed or None
    pipeline = _backend_get_pipeline(self)
    return _project_last(pipeline, self)


def _tuple_in_as_mql(lookup: TupleIn, compiler: Any, connection: Any, as_expr: bool = False) -> dict[str, Any]:
    """Compile to ``id IN (1, 2)``; the backend's ``$expr`` uses no index."""
    (column,) = lookup.lhs.get_cols()
    values = [value for (value,) in lookup.rhs]
    return In(column, values).as_mql(compiler, connection, as_expr=as_expr)  # type: ignore[attr-defined]


def _project_last(pipeline: list[dict[str, Any]], query: MongoQuery) -> list[dict[str, Any]]:
    project = next((i for i, stage in enumerate(pipeline) if "$project" in stage), None)
    if project is None or not query.ordering:
        return pipeline
    after = [next(iter(stage)) for stage in pipeline[project + 1 :]]
    plain = all(value == 1 or value == 0 for value in pipeline[project]["$project"].values())
    if not plain or set(after) - {"$sort", "$skip", "$limit"}:
        return pipeline
    return [*pipeline[:project], *pipeline[project + 1 :], pipeline[project]]


class TTLIndex(models.Index):
    """MongoDB deletes documents (those that meet the condition) ``seconds`` after the field's time."""

    def __init__(self, *, fields: list[str], name: str, seconds: int = 0, condition: models.Q | None = None) -> None:
        super().__init__(fields=fields, name=name, condition=condition)
        self.seconds = seconds

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        path, args, kwargs = super().deconstruct()
        return path, args, {**kwargs, "seconds": self.seconds}

    def get_pymongo_index_model(self, model: type[models.Model], schema_editor: Any, **_: Any) -> IndexModel:
        index = super().get_pymongo_index_model(model, schema_editor).document  # type: ignore[misc]
        options = {name: value for name, value in index.items() if name != "key"}
        return IndexModel(index["key"], **options, expireAfterSeconds=self.seconds)


class EmbeddedIndex(models.Index):
    """Also indexes columns of embedded documents (``lines.product``), between ascending and descending fields.

    ``is_partial`` leaves out rows without the first of these.
    """

    def __init__(self, *, fields: list[str], embedded: list[str], name: str, is_partial: bool = False) -> None:
        super().__init__(fields=fields, name=name)
        self.embedded, self.is_partial = embedded, is_partial

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        path, args, kwargs = super().deconstruct()
        partial = {"is_partial": True} if self.is_partial else {}
        return path, args, {**kwargs, "embedded": self.embedded, **partial}

    def get_pymongo_index_model(self, model: type[models.Model], schema_editor: Any, **_: Any) -> IndexModel:
        columns = [(column_of(field_of(model, name)), -1 if order else 1) for name, order in self.fields_orders]
        ascending = [column for column in columns if column[1] == 1]
        embedded = [(name, 1) for name in self.embedded]
        keys = [*ascending, *embedded, *columns[len(ascending) :]]
        partial = {"partialFilterExpression": {self.embedded[0]: {"$exists": True}}} if self.is_partial else {}
        return IndexModel(keys, name=self.name, **partial)


class CaseInsensitiveIndex(models.Index):
    """Ignores case and accents, for queries with the collation ``CASE_INSENSITIVE``."""

    def get_pymongo_index_model(self, model: type[models.Model], schema_editor: Any, **_: Any) -> IndexModel:
        columns = [column_of(field_of(model, name)) for name in self.fields]
        return IndexModel([(column, 1) for column in columns], name=self.name, collation=CASE_INSENSITIVE)


def violated_fields(error: BaseException) -> set[str]:
    """Return the columns of the unique index; empty if not reported."""
    cause = error.__cause__
    details = getattr(cause, "details", None) or {}
    if isinstance(cause, BulkWriteError):
        details = next(iter(details.get("writeErrors", [])), {})
    return set(details.get("keyPattern", {}))


@ArrayField.register_lookup
class HoldsOneOf(Lookup):
    """``words__holds_one_of=["shirt", Regex("^shi")]``: like ``overlap``, with regular expressions."""

    lookup_name = "holds_one_of"
    prepare_rhs = False

    def as_mql(self, compiler: Any, connection: Any, as_expr: bool = False) -> dict[str, Any]:
        return {self.lhs.as_mql(compiler, connection): {"$in": list(self.rhs)}}
