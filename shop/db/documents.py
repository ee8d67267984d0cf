"""Raw PyMongo queries for hot paths, without Django's query compilation.

Filters use column names. Compare external values with ``{"$eq": value}`` or check their type: a dictionary would be an
operator.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache, lru_cache
from types import NoneType
from typing import Any, TypeVar

from bson import Decimal128, Int64, ObjectId
from django.db import DEFAULT_DB_ALIAS, connection, models
from django_mongodb_backend.fields import (
    EmbeddedModelArrayField,
    EmbeddedModelField,
    ObjectIdAutoField,
    ObjectIdField,
)
from django_mongodb_backend.query import wrap_database_errors
from pymongo import ReturnDocument, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.write_concern import WriteConcern

from shop.db.backend.base import LimitedCollection as Collection
from shop.db.backend.compiler import stored_default
from shop.db.connection import mongodb_connection
from shop.db.deadline import driver_call
from shop.db.fields import column_of, field_of

Document = dict[str, Any]
Pipeline = list[dict[str, Any]]
Convert = Callable[[Any], Any]
M = TypeVar("M", bound=models.Model)


# The default of 101 would need a second command.
_BATCH_SIZE = 10_000


@wrap_database_errors
def find(model: type[M], match: Mapping[str, Any], *, only: Sequence[str] = ()) -> list[M]:
    """With ``only``, other fields are deferred."""
    reader = _reader(model, tuple(only))
    collection, session = collection_of(model)
    with driver_call():
        found = collection.find(match, reader.projection, batch_size=_BATCH_SIZE, session=session).to_list()
    return [reader.instance(document) for document in found]


def instance(model: type[M], document: Document) -> M:
    return _reader(model, ()).instance(document)


@wrap_database_errors
def find_one(model: type[M], match: Mapping[str, Any]) -> M | None:
    collection, session = collection_of(model)
    document = collection.find_one(match, session=session)
    return None if document is None else instance(model, document)


@wrap_database_errors
def aggregate(model: type[models.Model], pipeline: Sequence[Any], *, index: str | None = None) -> list[Document]:
    """``index`` names the index to use."""
    collection, session = collection_of(model)
    hint = {} if index is None else {"hint": index}
    return collection.aggregate(pipeline, session=session, batchSize=_BATCH_SIZE, **hint).to_list()


@wrap_database_errors
def change_one(
    model: type[models.Model],
    match: Mapping[str, Any],
    change: Mapping[str, Any],
    *,
    returning: Sequence[str] = ("_id",),
) -> Document | None:
    """Return the updated document's ``returning`` columns, or None without a match."""
    collection, session = collection_of(model)
    return collection.find_one_and_update(
        match,
        change,
        projection=dict.fromkeys(returning, 1),
        return_document=ReturnDocument.AFTER,
        session=session,
    )


@wrap_database_errors
def update_one(model: type[models.Model], match: Mapping[str, Any], change: Mapping[str, Any]) -> bool:
    """Return whether a document matched.

    Cheaper than :func:`change_one`, whose result the server stores for retries.
    """
    collection, session = collection_of(model)
    return collection.update_one(match, change, session=session).matched_count == 1


@wrap_database_errors
def insert(*rows: models.Model) -> None:
    """Insert instances of one model; sets primary keys."""
    documents = [document_of(row) for row in rows]
    collection, session = collection_of(type(rows[0]))
    if len(documents) == 1:
        collection.insert_one(documents[0], session=session)
    else:
        collection.insert_many(documents, session=session)
    for row, document in zip(rows, documents, strict=True):
        # The driver sets missing keys.
        row.pk = document["_id"]
        row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS


@wrap_database_errors
def bulk_write(model: type[models.Model], operations: Sequence[UpdateOne]) -> int:
    """Return the number of matched rows. Raises ``IntegrityError`` and ``DatabaseError``."""
    if not operations:
        return 0
    collection, session = collection_of(model)
    return collection.bulk_write(operations, session=session).matched_count


def update_rows(model: type[models.Model], changes: Mapping[Any, Mapping[str, Any]]) -> int:
    """Set fields by primary key; return the number matched."""
    updates = []
    for pk, values in changes.items():
        fields = [(field_of(model, name), value) for name, value in values.items()]
        row = {column_of(field): field.get_db_prep_save(value, connection) for field, value in fields}
        updates.append(UpdateOne({"_id": pk}, {"$set": row}))
    return bulk_write(model, updates)


# Each keeps its client alive, so that the client's id in the key is not reused.
_collections: dict[tuple[int, str, str, bool], Collection] = {}


def collection_of(model: type[models.Model], *, may_be_lost: bool = False) -> tuple[Collection, ClientSession | None]:
    """With ``may_be_lost`` writes use w=1 and can be lost on failover."""
    # The `connection` proxy resolves the alias on every attribute access.
    wrapper = mongodb_connection()
    database, name = wrapper.database, model._meta.db_table
    key = (id(database.client), database.name, name, may_be_lost)
    if (collection := _collections.get(key)) is None:
        concern = WriteConcern(1) if may_be_lost else None
        collection = _collections[key] = Collection(database, name, write_concern=concern)
    return collection, wrapper.session


def document_of(row: models.Model) -> Document:
    document = _document(row, adding=True)
    if row.pk is None:
        document.pop("_id", None)
    return document


def stored(field: models.Field, value: Any) -> Any:
    kind = type(value)
    if kind in _AS_THEY_ARE.get(type(field), _NOTHING):
        return value
    if kind is int and type(field) in _WHOLE_NUMBERS:
        return Int64(value)
    if kind is datetime and type(field) is models.DateTimeField and value.tzinfo is not None:
        return value
    if kind is Decimal:
        if not value.is_finite():
            raise ValueError(f"{value} is no amount")
        return Decimal128(value)
    if value is None:
        return None
    if isinstance(field, EmbeddedModelField):
        return _embedded_document(value)
    if isinstance(field, EmbeddedModelArrayField):
        return [_embedded_document(each) for each in value]
    return field.get_db_prep_save(value, connection)


def _embedded_document(row: models.Model) -> Document:
    document = _document(row, adding=row._state.adding)
    row._state.adding = False
    if document.get("_id", row) is None:
        del document["_id"]
    return document


def _document(row: models.Model, *, adding: bool) -> Document:
    values = row.__dict__
    return {
        # Skip conversion for types that are stored unchanged.
        column: values[name] if type(values[name]) in as_they_are else stored(field, field.pre_save(row, adding))
        for column, name, field, as_they_are in _columns(type(row))
    }


@cache
def _columns(model: type[models.Model]) -> list[tuple[str, str, models.Field, frozenset[type]]]:
    return [
        (column_of(field), field.attname, field, _AS_THEY_ARE.get(type(field), _NOTHING))
        for field in model._meta.concrete_fields
    ]


# Stored unchanged.
_NOTHING: frozenset[type] = frozenset()
_AS_THEY_ARE: dict[type[models.Field], frozenset[type]] = {
    models.CharField: frozenset({str, NoneType}),
    models.TextField: frozenset({str, NoneType}),
    models.BooleanField: frozenset({bool, NoneType}),
    models.ForeignKey: frozenset({ObjectId, NoneType}),
    ObjectIdField: frozenset({ObjectId, NoneType}),
    ObjectIdAutoField: frozenset({ObjectId, NoneType}),
}
_WHOLE_NUMBERS = {
    models.IntegerField,
    models.PositiveIntegerField,
    models.BigIntegerField,
    models.PositiveBigIntegerField,
}


class _Reader:
    def __init__(self, model: type[models.Model], only: Sequence[str]) -> None:
        fields = [field for field in model._meta.concrete_fields if not only or field.attname in only]
        self.projection = {column_of(field): 1 for field in fields} if only else None
        self._from_db = model.from_db
        self._names = [field.attname for field in fields]
        self._columns = [(column_of(field), _converter(field)) for field in fields]
        self._fields = {column_of(field): field for field in fields}

    def instance(self, document: Document) -> Any:
        try:
            values = self._values(document)
        except KeyError:
            values = self._values(self._defaults(document) | document)
        return self._from_db(DEFAULT_DB_ALIAS, self._names, values)

    def _values(self, document: Document) -> list[Any]:
        return [document[column] if convert is None else convert(document[column]) for column, convert in self._columns]

    def _defaults(self, document: Document) -> Document:
        return {name: stored_default(field) for name, field in self._fields.items() if name not in document}


def with_defaults(model: type[models.Model], document: Document) -> Document:
    """Add defaults for missing fields."""
    fields = {column_of(field): field for field in model._meta.concrete_fields}
    return {name: stored_default(field) for name, field in fields.items() if name not in document} | document


def stored_or_default(model: type[models.Model], name: str) -> Document:
    """Return an aggregation expression of a field, with its default for documents that lack it."""
    field = field_of(model, name)
    return {"$ifNull": [f"${column_of(field)}", {"$literal": stored_default(field)}]}


@cache
def _reader(model: type[models.Model], only: tuple[str, ...]) -> _Reader:
    return _Reader(model, only)


def decimal_of(value: Decimal128) -> Decimal:
    """Cached: conversion is slow and prices repeat."""
    return _decimal(value.bid)


@lru_cache(maxsize=10_000)
def _decimal(bid: bytes) -> Decimal:
    return Decimal128.from_bid(bid).to_decimal()


def _converter(field: models.Field) -> Convert | None:
    """Return None if no conversion is needed."""
    if isinstance(field, EmbeddedModelArrayField):
        read = _embedded(field.embedded_model)
        return lambda values: None if values is None else [read(value) for value in values]
    if isinstance(field, EmbeddedModelField):
        read = _embedded(field.embedded_model)
        return lambda value: None if value is None else read(value)
    if isinstance(field, models.DecimalField):
        return lambda value: None if value is None else decimal_of(value)
    if isinstance(field, models.JSONField) and field.decoder is None:
        # The backend would serialize it to JSON and parse it again.
        return None
    expression = field.get_col(field.model._meta.db_table)
    converters = [*connection.ops.get_db_converters(expression), *expression.get_db_converters(connection)]
    if not converters:
        return None

    def convert(value: Any) -> Any:
        for converter in converters:
            value = converter(value, expression, connection)
        return value

    return convert


def _embedded(model: type[models.Model]) -> Convert:
    fields = [(column_of(field), _converter(field), field.get_default) for field in model._meta.fields]

    def read(document: Document) -> models.Model:
        instance = model(
            *(
                default()
                if column not in document
                else document[column]
                if convert is None
                else convert(document[column])
                for column, convert, default in fields
            )
        )
        instance._state.adding = False
        return instance

    return read
