"""The list of orders: each combination of filters reads one index in the list's order, named as a hint.

Without a hint MongoDB may choose an index that suits the newest orders and reads all others.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from bson import ObjectId

from orders.lifecycle import STATUSES
from orders.models import Order
from shop.api.fields import TimeField
from shop.api.object_ids import ObjectIdField
from shop.api.pagination import NewestFirstPagination
from shop.db import documents
from shop.db.creation import ids_between
from shop.db.documents import Document, Pipeline

# Filters that a customer may use; `user` changes nothing for them.
OF_CUSTOMERS = ("user", *STATUSES)

_INDEXES = {
    # By the column with the most selective filter, and whether there is a filter by status.
    ("", False): "_id_",
    ("", True): "order_statuses",
    # Of few orders, whatever their statuses.
    ("has_open_return", False): "order_open_returns",
    ("has_open_return", True): "order_open_returns",
    ("email", False): "order_email",
    ("email", True): "order_email_statuses",
    ("user_id", False): "order_user",
    ("user_id", True): "order_user_statuses",
    ("lines.sku", True): "order_sku_statuses",
    ("tags", True): "order_tag_statuses",
    ("updated_at", True): "order_updated_statuses",
}
_COLUMNS = {"email": "email", "user": "user_id", "sku": "lines.sku", "tag": "tags"}


class OrderQuery(NamedTuple):
    conditions: list[Document]
    hint: str
    # Sorted by the last change, the oldest first; else by creation, the newest first.
    by_change: bool


def order_query(*, owner: ObjectId | None, filters: Mapping[str, Any]) -> OrderQuery:
    """``owner`` is None for staff, who see all."""
    if owner is not None:
        filters = {name: value for name, value in filters.items() if name in OF_CUSTOMERS}
    conditions: list[Document] = [] if owner is None else [{"user_id": owner}]
    if filters.get("returns") == "open":
        conditions = [{"has_open_return": True}, *conditions]
    conditions += [{column: filters[name]} for name, column in _COLUMNS.items() if name in filters]
    column = "updated_at" if "updated_since" in filters else next(iter(conditions[0])) if conditions else ""
    if "updated_since" in filters:
        conditions.append({"updated_at": {"$gte": filters["updated_since"]}})
    conditions += _created(filters.get("created_after"), filters.get("created_before"))
    by_status = (column, False) not in _INDEXES or not STATUSES.keys().isdisjoint(filters)
    if by_status:
        # With all values of the other statuses, MongoDB merges ranges of the index, each in the order of ids.
        wanted = {name: [filters[name]] if name in filters else list(known) for name, known in STATUSES.items()}
        conditions += [{name: {"$in": [str(each) for each in values]}} for name, values in wanted.items()]
    return OrderQuery(conditions, _INDEXES[column, by_status], by_change=column == "updated_at")


def _created(first: datetime | None, end: datetime | None) -> list[Document]:
    limits = {operator: at for operator, at in (("$gte", first), ("$lt", end)) if at is not None}
    return [{"created_at": limits}, {"_id": ids_between(first, end)}] if limits else []


class OrderPagination(NewestFirstPagination):
    source: OrderQuery

    def select(self, *, before: Any = None, skip: int = 0, limit: int) -> list[Order]:
        """``before`` is the last id, or, by change, the last time and id."""
        rows = self._aggregate(*self._beyond(before), stages=[{"$skip": skip}, {"$limit": limit}])
        return [documents.instance(Order, row) for row in rows]

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
        return documents.aggregate(Order, [{"$match": match}, {"$sort": order}, *stages], index=self.source.hint)
