"""Write many documents without the ORM; their fields and defaults are those of the models."""

import copy
from collections import Counter, defaultdict
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self

from django.db import DEFAULT_DB_ALIAS, connections, models
from pymongo.collection import Collection
from pymongo.write_concern import WriteConcern

Document = dict[str, Any]

BATCH = 2_000
_WRITERS = 2


def template(row: models.Model) -> Document:
    """Return the document of ``row`` without its id."""
    connection = connections[DEFAULT_DB_ALIAS]
    return {
        field.column: copy.copy(field.get_db_prep_save(field.pre_save(row, True), connection))
        for field in row._meta.concrete_fields
        if not field.primary_key
    }


class BulkWriter:
    """Insert documents in batches, outside of transactions, while the caller makes the next ones.

    With ``index_last`` empty collections are filled without indexes, which are built at the end: twice as fast. Their
    documents appear only then, all at once. An error of a batch is raised by a later call, at the latest on exit.
    """

    def __init__(self, *, index_last: bool = False) -> None:
        self.written: Counter[type[models.Model]] = Counter()
        self._index_last = index_last
        self._database = connections[DEFAULT_DB_ALIAS].database
        self._collections: dict[type[models.Model], Collection[Document]] = {}
        self._waiting: defaultdict[type[models.Model], list[Document]] = defaultdict(list)
        self._running: list[Future[None]] = []

    def __enter__(self) -> Self:
        self._pool = ThreadPoolExecutor(max_workers=_WRITERS)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.publish()
        finally:
            self._pool.shutdown(cancel_futures=True)

    def add(self, model: type[models.Model], document: Document) -> None:
        waiting = self._waiting[model]
        waiting.append(document)
        if len(waiting) >= BATCH:
            self._submit(model)

    def flush(self) -> None:
        """Wait until all documents are written."""
        for model in list(self._waiting):
            self._submit(model)
        while self._running:
            self._running.pop(0).result()
        for collection in [*self._collections.values()][:1]:
            # Deletes nothing, but waits until a majority has the writes above: others read what the majority has.
            self._database[collection.name].delete_one({"_id": "no such row"})

    def publish(self) -> None:
        """Build the missing indexes."""
        self.flush()
        for model, collection in self._collections.items():
            table = model._meta.db_table
            if collection.name == table:
                continue
            indexes = [dict(index) for index in self._database[table].list_indexes()]
            self._database.command("createIndexes", collection.name, indexes=indexes)
            collection.rename(table, dropTarget=True)
        self._collections.clear()

    def _submit(self, model: type[models.Model]) -> None:
        batch = self._waiting.pop(model, [])
        if not batch:
            return
        # Bound the queue, so that memory does not grow.
        while len(self._running) >= 2 * _WRITERS:
            self._running.pop(0).result()
        if model not in self._collections:
            self._collections[model] = self._collection(model._meta.db_table)
        self._running.append(self._pool.submit(_insert, self._collections[model], batch))
        self.written[model] += len(batch)

    def _collection(self, table: str) -> Collection[Document]:
        name = table
        if self._index_last and self._database[table].find_one() is None:
            # Renamed at the end: an interrupted run leaves the collection empty, with its indexes.
            name = f"{table}_without_indexes"
            self._database[name].drop()
        return self._database.get_collection(name, write_concern=WriteConcern(1))


def _insert(collection: Collection[Document], batch: list[Document]) -> None:
    collection.insert_many(batch, ordered=False)
