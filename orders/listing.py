"""The list of orders: each combination of filters reads one index in the list's order, named as a hint.

Without a hint MongoDB may choose an index that suits the newest orders and reads all others.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from bson import ObjectId

from orders.lifecycle import STATUSES
from orders.models import Order
from shop.api.pagination import NewestFirstPagination
from shop.db import documents
from shop.db.documents import Document, Pipeline

_INDEXES = {
    # By whether there are filters by user and by status.
    (False, False): "_id_",
    (False, True): "order_statuses",
    (True, False): "order_user",
    (True, True): "order_user_statuses",
}


class OrderQuery(NamedTuple):
    conditions: list[Document]
    hint: str


def order_query(*, owner: ObjectId | None, filters: Mapping[str, Any]) -> OrderQuery:
    """``owner`` is None for staff, who see all; ``filters`` are a user and statuses."""
    conditions: list[Document] = [{"user_id": user} for user in (owner, filters.get("user")) if user is not None]
    has_user, has_status = bool(conditions), not STATUSES.keys().isdisjoint(filters)
    if has_status:
        # With all values of the other statuses, MongoDB merges ranges of the index, each in the order of ids.
        wanted = {name: [filters[name]] if name in filters else list(known) for name, known in STATUSES.items()}
        conditions += [{name: {"$in": [str(each) for each in values]}} for name, values in wanted.items()]
    return OrderQuery(conditions, _INDEXES[has_user, has_status])


class OrderPagination(NewestFirstPagination):
    source: OrderQuery

    def select(self, *, before: ObjectId | None = None, skip: int = 0, limit: int) -> list[Order]:
        beyond: list[Document] = [] if before is None else [{"_id": {"$lt": before}}]
        rows = self._aggregate(*beyond, stages=[{"$skip": skip}, {"$limit": limit}])
        return [documents.instance(Order, row) for row in rows]

    def count(self, *, at_most: int) -> int:
        rows = self._aggregate(stages=[{"$limit": at_most}, {"$count": "counted"}])
        return rows[0]["counted"] if rows else 0

    def _aggregate(self, *conditions: Document, stages: Pipeline) -> list[Document]:
        every = [*self.source.conditions, *conditions]
        match: Document = {"$and": every} if every else {}
        return documents.aggregate(Order, [{"$match": match}, {"$sort": {"_id": -1}}, *stages], index=self.source.hint)
