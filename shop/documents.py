"""Documents by MongoDB's own queries, for the paths that shoppers walk all day.

Django needs longer to compile a query than MongoDB to answer it. Here a filter is written as MongoDB takes it, with the
columns' names, and what comes back are the model's instances as Django would have made them (:func:`find`), or plain
dictionaries (:func:`aggregate`). Everything takes part in the running transaction, and errors are Django's.

Values that come from outside are compared with ``{"$eq": value}`` or checked to be what they should be: a dictionary
would be an operator.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, TypeVar

from bson import Decimal128, ObjectId
from django.db import DEFAULT_DB_ALIAS, connection, models
from django_mongodb_backend.fields import (
    EmbeddedModelArrayField,
    EmbeddedModelField,
    ObjectIdAutoField,
    ObjectIdField,
)
from django_mongodb_backend.query import wrap_database_errors
from pymongo import ReturnDocument

Document = dict[str, Any]
Pipeline = list[dict[str, Any]]
Convert = Callable[[Any], Any]
M = TypeVar("M", bound=models.Model)


# A page of a hundred and its count are more than the server would send at once.
_AT_ONCE = 1_000


@wrap_database_errors
def find(model: type[M], match: Mapping[str, Any], *, only: Sequence[str] = ()) -> list[M]:
    """Return the instances whose documents match; with ``only``, other fields than these are deferred."""
    reader = _reader(model, tuple(only))
    found = connection.get_collection(model._meta.db_table).find(match, reader.projection, session=connection.session)
    return [reader.instance(document) for document in found]


def instance(model: type[M], document: Document) -> M:
    """Return the instance that a document of the model's collection stands for; what it has beyond is left alone."""
    return _reader(model, ()).instance(document)


@wrap_database_errors
def find_one(model: type[M], match: Mapping[str, Any]) -> M | None:
    """Return the instance whose document matches, or None; of several any."""
    document = connection.get_collection(model._meta.db_table).find_one(match, session=connection.session)
    return None if document is None else instance(model, document)


@wrap_database_errors
def aggregate(
    model: type[models.Model], pipeline: Sequence[Mapping[str, Any]], *, index: str | None = None
) -> list[Document]:
    """Return what the pipeline makes of the model's documents; with ``index``, they are found by the index so named."""
    collection = connection.get_collection(model._meta.db_table)
    by = {} if index is None else {"hint": index}
    return collection.aggregate(pipeline, session=connection.session, batchSize=_AT_ONCE, **by).to_list()


@wrap_database_errors
def change_one(
    model: type[models.Model],
    match: Mapping[str, Any],
    change: Mapping[str, Any],
    *,
    returning: Sequence[str] = ("_id",),
) -> Document | None:
    """Change the document that matches, if there is one, and return these of its columns as they are then."""
    return connection.get_collection(model._meta.db_table).find_one_and_update(
        match,
        change,
        projection=dict.fromkeys(returning, 1),
        return_document=ReturnDocument.AFTER,
        session=connection.session,
    )


@wrap_database_errors
def insert(*rows: models.Model) -> None:
    """Insert instances of one model; those that have no key yet get one."""
    documents = [document_of(row) for row in rows]
    collection = connection.get_collection(rows[0]._meta.db_table)
    if len(documents) == 1:
        collection.insert_one(documents[0], session=connection.session)
    else:
        collection.insert_many(documents, session=connection.session)
    for row, document in zip(rows, documents, strict=True):
        # The driver has added the keys.
        row.pk = document["_id"]
        row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS


def document_of(row: models.Model) -> Document:
    """Return the document that saving ``row`` as a new one would write; without its key where that is not set."""
    document = {field.column: stored(field, field.pre_save(row, True)) for field in row._meta.concrete_fields}
    return document if row.pk is not None else {name: value for name, value in document.items() if name != "_id"}


def stored(field: models.Field, value: Any) -> Any:
    """Return a field's value as the database keeps it."""
    if value is None or (type(value), type(field)) in _AS_THEY_ARE:
        return value
    if isinstance(value, Decimal):
        return _stored_amount(value, field)
    if isinstance(field, EmbeddedModelField):
        return _embedded_document(value)
    if isinstance(field, EmbeddedModelArrayField):
        return [_embedded_document(each) for each in value]
    return field.get_db_prep_save(value, connection)


@lru_cache(maxsize=10_000)
def _stored_amount(value: Decimal, field: models.Field) -> Decimal128:
    return field.get_db_prep_save(value, connection)


def _embedded_document(row: models.Model) -> Document:
    adding, row._state.adding = row._state.adding, False
    values = {field: stored(field, field.pre_save(row, adding)) for field in row._meta.fields}
    return {field.column: value for field, value in values.items() if value is not None or not field.primary_key}


# Of these kinds of fields Django would ask at length what to do with these values: nothing.
_AS_THEY_ARE = {
    (str, models.CharField),
    (str, models.TextField),
    (bool, models.BooleanField),
    (ObjectId, ObjectIdField),
    (ObjectId, ObjectIdAutoField),
    (ObjectId, models.ForeignKey),
}


class _Reader:
    """Makes instances of a model from its documents."""

    def __init__(self, model: type[models.Model], only: Sequence[str]) -> None:
        fields = [field for field in model._meta.concrete_fields if not only or field.attname in only]
        self.projection = {field.column: 1 for field in fields} if only else None
        self._from_db = model.from_db
        self._names = [field.attname for field in fields]
        self._columns = [(field.column, _converter(field)) for field in fields]

    def instance(self, document: Document) -> Any:
        values = [
            document.get(column) if convert is None else convert(document.get(column))
            for column, convert in self._columns
        ]
        return self._from_db(DEFAULT_DB_ALIAS, self._names, values)


@cache
def _reader(model: type[models.Model], only: tuple[str, ...]) -> _Reader:
    return _Reader(model, only)


def decimal_of(value: Decimal128) -> Decimal:
    """Return a stored amount as Python's. Prices are the same ones again and again, and converting one takes long."""
    return _decimal(value.bid)


@lru_cache(maxsize=10_000)
def _decimal(bid: bytes) -> Decimal:
    return Decimal128.from_bid(bid).to_decimal()


def _converter(field: models.Field) -> Convert | None:
    """Return what turns a stored value of this field into Python's, or None where they are the same."""
    if isinstance(field, EmbeddedModelArrayField):
        read = _embedded(field.embedded_model)
        return lambda values: None if values is None else [read(value) for value in values]
    if isinstance(field, EmbeddedModelField):
        read = _embedded(field.embedded_model)
        return lambda value: None if value is None else read(value)
    if isinstance(field, models.DecimalField):
        return lambda value: None if value is None else decimal_of(value)
    if isinstance(field, models.JSONField) and field.decoder is None:
        # The backend goes through a text and back.
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
    fields = [(field.column, field.attname, _converter(field)) for field in model._meta.fields]

    def read(document: Document) -> models.Model:
        instance = model(
            **{
                name: document[column] if convert is None else convert(document[column])
                for column, name, convert in fields
                if column in document
            }
        )
        instance._state.adding = False
        return instance

    return read
