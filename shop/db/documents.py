"""Raw PyMongo queries for hot paths, without Django's query compilation.

Filters use column names. Compare external values with ``{"$eq": value}`` or check their type: a dictionary would be an
operator.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache, lru_cache, partial
from operator import attrgetter
from typing import Any, TypeVar, cast

from bson import Decimal128
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, models
from django.utils.functional import cached_property
from django_mongodb_backend.fields import EmbeddedModelArrayField, EmbeddedModelField
from django_mongodb_backend.query import wrap_database_errors
from pymongo import ReturnDocument, UpdateMany, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.collation import Collation
from pymongo.errors import PyMongoError
from pymongo.write_concern import WriteConcern

from shop.db.backend.base import LimitedCollection as Collection
from shop.db.backend.compiler import stored_default
from shop.db.connection import mongodb_connection
from shop.db.fields import column_of, field_of

Document = dict[str, Any]
Pipeline = list[dict[str, Any]]
Convert = Callable[[Any], Any]
M = TypeVar("M", bound=models.Model)


# The default of 101 would need a second command.
_BATCH_SIZE = 10_000


@wrap_database_errors
def find_one(model: type[M], match: Mapping[str, Any]) -> M | None:
    collection, session = collection_of(model)
    document = collection.find_one(match, session=session)
    return None if document is None else instance(model, document)


@wrap_database_errors
def aggregate(
    model: type[models.Model],
    pipeline: Sequence[Any],
    *,
    index: str | None = None,
    collation: Collation | None = None,
) -> list[Document]:
    """``index`` is the name of the index to use."""
    collection, session = collection_of(model)
    hint = {} if index is None else {"hint": index}
    return collection.aggregate(pipeline, session=session, batchSize=_BATCH_SIZE, collation=collation, **hint).to_list()


@wrap_database_errors
def estimated_count(model: type[models.Model]) -> int:
    """Return the number of all rows from the collection's metadata. Not in transactions."""
    collection, _ = collection_of(model)
    return collection.estimated_document_count()


@wrap_database_errors
def distinct(model: type[models.Model], column: str, match: Mapping[str, Any] | None = None) -> list[Any]:
    """Return the values of a column, which must be the first of an index."""
    collection, session = collection_of(model)
    return collection.distinct(column, match, session=session)


def iterate(model: type[models.Model], pipeline: Sequence[Any]) -> Iterator[Document]:
    """Aggregate many documents, with temporary files on the server if it needs them."""
    collection, session = collection_of(model)
    try:
        yield from collection.aggregate(pipeline, session=session, allowDiskUse=True)
    except PyMongoError as error:
        raise DatabaseError from error


@wrap_database_errors
def find_one_and_update(
    model: type[models.Model],
    match: Mapping[str, Any],
    change: Mapping[str, Any],
    *,
    returning: Sequence[str] = ("_id",),
    upsert: bool = False,
) -> Document | None:
    """Return the updated document's ``returning`` columns, or None without a match; ``upsert`` inserts one instead."""
    collection, session = collection_of(model)
    return collection.find_one_and_update(
        match,
        change,
        projection=dict.fromkeys(returning, 1),
        return_document=ReturnDocument.AFTER,
        upsert=upsert,
        session=session,
    )


@wrap_database_errors
def update_one(model: type[models.Model], match: Mapping[str, Any], change: Mapping[str, Any]) -> bool:
    """Return whether a document matched.

    Cheaper than :func:`find_one_and_update`, whose result the server stores for retries.
    """
    collection, session = collection_of(model)
    return collection.update_one(match, change, session=session).matched_count == 1


@wrap_database_errors
def update_unacknowledged(model: type[models.Model], match: Mapping[str, Any], change: Mapping[str, Any]) -> None:
    """Send an update without waiting for its result, so that it may be lost. Not in transactions."""
    collection = Collection(mongodb_connection().database, model._meta.db_table, write_concern=WriteConcern(0))
    collection.update_one(match, change)


@wrap_database_errors
def insert(*rows: models.Model) -> None:
    """Insert instances of one model; sets primary keys."""
    if not rows:
        return
    documents = [_document(row) for row in rows]
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
def delete_many(model: type[models.Model], match: Mapping[str, Any]) -> int:
    """Return the number deleted. Foreign keys to the rows are ignored."""
    collection, session = collection_of(model)
    return collection.delete_many(match, session=session).deleted_count


@wrap_database_errors
def bulk_write(model: type[models.Model], operations: Sequence[UpdateOne | UpdateMany]) -> int:
    """Return the number of matched rows. Raises ``IntegrityError`` and ``DatabaseError``."""
    if not operations:
        return 0
    collection, session = collection_of(model)
    return collection.bulk_write(operations, session=session).matched_count


def update_rows(model: type[models.Model], changes: Mapping[Any, Mapping[str, Any]]) -> int:
    """Set fields by primary key; return the number matched."""
    return bulk_write(
        model, [UpdateOne({"_id": pk}, {"$set": stored_values(model, row)}) for pk, row in changes.items()]
    )


def collection_of(model: type[models.Model], *, may_be_lost: bool = False) -> tuple[Collection, ClientSession | None]:
    """With ``may_be_lost`` writes use w=1 and can be lost on failover."""
    wrapper = mongodb_connection()
    concern = WriteConcern(1) if may_be_lost else None
    return Collection(wrapper.database, model._meta.db_table, write_concern=concern), wrapper.session


# --- Writing ----------------------------------------------------------------------------------------------------------


def stored_values(model: type[models.Model], values: Mapping[str, Any]) -> Document:
    # Not Django's proxy, which looks it up for each of its attributes.
    wrapper = mongodb_connection()
    fields = {name: field_of(model, name) for name in values}
    return {column_of(field): field.get_db_prep_save(values[name], wrapper) for name, field in fields.items()}


def _document(row: models.Model) -> Document:
    wrapper = mongodb_connection()
    fields = row._meta.concrete_fields
    document = {column_of(field): field.get_db_prep_save(field.pre_save(row, True), wrapper) for field in fields}
    if row.pk is None:
        del document["_id"]
    return document


# --- Reading ----------------------------------------------------------------------------------------------------------


def instance(model: type[M], document: Document, *, using: str | None = DEFAULT_DB_ALIAS) -> M:
    """Use the default for a missing field."""
    columns = _columns(model)
    values = [
        convert(document[column]) if column in document else field.get_default() for field, column, convert in columns
    ]
    # Without names of fields, since the values are those of all fields.
    return model.from_db(using, (), values)


def known_values(model: type[models.Model], column: str, values: Iterable[Any]) -> set[Any]:
    """Return those of ``values`` that a document has in ``column``."""
    match = {column: {"$in": list(values)}}
    return {document[column] for document in aggregate(model, [{"$match": match}, {"$project": {"_id": 0, column: 1}}])}


def views(model: type[M], pipeline: Sequence[Any]) -> list[M]:
    """Aggregate to read-only objects, see :func:`view`."""
    return [view(model, document) for document in aggregate(model, pipeline)]


def view(model: type[M], document: Document) -> M:
    """Return a read-only object with the model's fields and properties, which converts values when they are read.

    Many times faster than :func:`instance`, if little of a document is read.
    """
    return cast("M", _view_class(model)(document))


@cache
def _view_class(model: type[models.Model]) -> type:
    members: dict[str, Any] = {}
    for base in reversed(model.__mro__):
        members |= {name: member for name, member in vars(base).items() if isinstance(member, property)}
    members["__init__"] = _set_document
    members["__str__"] = model.__str__
    for field in model._meta.concrete_fields:
        convert = _converter(field, _view_class)
        members[field.attname] = cached_property(_reader(field, convert))
    members["pk"] = property(attrgetter(model._meta.pk.attname)) if model._meta.pk else None
    return type(model.__name__, (), members)


def _set_document(view: Any, document: Document) -> None:
    view.document = document


def _reader(field: models.Field, convert: Convert) -> Convert:
    column = column_of(field)

    def read(view: Any) -> Any:
        document = view.document
        return convert(document[column]) if column in document else field.get_default()

    return read


def with_defaults(model: type[models.Model], document: Document) -> Document:
    return defaults(model) | document


@cache
def defaults(model: type[models.Model]) -> Document:
    """Return the default of each column. Do not change them."""
    return {column: stored_default(field) for field, column, _ in _columns(model)}


def stored_or_default(model: type[models.Model], name: str) -> Document:
    """Return an aggregation expression of a field, with its default for documents that lack it."""
    field = field_of(model, name)
    return {"$ifNull": [f"${column_of(field)}", {"$literal": stored_default(field)}]}


@cache
def _columns(model: type[models.Model]) -> list[tuple[models.Field, str, Convert]]:
    return [(field, column_of(field), _converter(field)) for field in model._meta.concrete_fields]


def _embedded_instance(model: type[models.Model]) -> Convert:
    return partial(instance, model, using=None)


def _converter(field: models.Field, embedded: Callable[[Any], Convert] = _embedded_instance) -> Convert:
    """``embedded`` returns the converter of an embedded model."""
    if isinstance(field, EmbeddedModelArrayField | EmbeddedModelField):
        # The backend would look up the converters for each document.
        read = embedded(field.embedded_model)
        if isinstance(field, EmbeddedModelArrayField):
            return lambda values: None if values is None else [read(value) for value in values]
        return lambda value: None if value is None else read(value)
    if isinstance(field, models.DecimalField):
        return lambda value: None if value is None else decimal_of(value)
    if isinstance(field, models.JSONField) and field.decoder is None:
        # The backend would serialize it to JSON and parse it again.
        return _unchanged
    expression = field.get_col(field.model._meta.db_table)
    converters = [*connection.ops.get_db_converters(expression), *expression.get_db_converters(connection)]
    if not converters:
        return _unchanged

    def convert(value: Any) -> Any:
        for converter in converters:
            value = converter(value, expression, connection)
        return value

    return convert


def decimal_of(value: Decimal128) -> Decimal:
    return _decimal(value.bid)


# The driver converts slowly, in Python: the cache saves 5 % of a cart's time.
@lru_cache(maxsize=10_000)
def _decimal(bid: bytes) -> Decimal:
    return Decimal128.from_bid(bid).to_decimal()


def _unchanged(value: Any) -> Any:
    return value
