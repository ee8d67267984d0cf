"""Lists that name the index that serves them, in its order.

Without a hint MongoDB may choose an index that suits the newest rows and reads all others.
"""

from typing import Any, ClassVar, NamedTuple

from django.db.models import Model

from shop.api.fields import TimeField
from shop.api.object_ids import ObjectIdField
from shop.api.pagination import NewestFirstPagination
from shop.db import documents
from shop.db.documents import Document, Pipeline


class ListQuery(NamedTuple):
    conditions: list[Document]
    # The index.
    hint: str | None
    # Sorted by the last change, the oldest first; else by creation, the newest first.
    by_change: bool


class IndexedPagination(NewestFirstPagination):
    model: ClassVar[type[Model]]
    source: ListQuery

    def select(self, *, before: Any = None, skip: int = 0, limit: int) -> list[Any]:
        """``before`` is the last id, or, by change, the last time and id."""
        rows = self._aggregate(*self._beyond(before), stages=[{"$skip": skip}, {"$limit": limit}])
        return [documents.instance(self.model, row) for row in rows]

    def _beyond(self, last: Any) -> list[Document]:
        if last is None:
            return []
        if not self.source.by_change:
            return [{"_id": {"$lt": last}}]
        at, pk = last
        later = [{"updated_at": {"$gt": at}}, {"updated_at": at, "_id": {"$gt": pk}}]
        return [{"updated_at": {"$gte": at}}, {"$or": later}]

    def after(self, position: Any) -> Any:
        if not self.source.by_change:
            return super().after(position)
        at, pk = position
        return TimeField().run_validation(at), ObjectIdField().run_validation(pk)

    def position_of(self, rows: list[Any]) -> list[Any]:
        return [rows[-1].updated_at, rows[-1].pk] if self.source.by_change else super().position_of(rows)

    def count(self, *, at_most: int) -> int:
        rows = self._aggregate(stages=[{"$limit": at_most}, {"$count": "counted"}])
        return rows[0]["counted"] if rows else 0

    def _aggregate(self, *conditions: Document, stages: Pipeline) -> list[Document]:
        every = [*self.source.conditions, *conditions]
        match: Document = {"$and": every} if every else {}
        order = {"updated_at": 1, "_id": 1} if self.source.by_change else {"_id": -1}
        return documents.aggregate(self.model, [{"$match": match}, {"$sort": order}, *stages], index=self.source.hint)
