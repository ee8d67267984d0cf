"""The list of orders: each combination of filters reads one index in the list's order, named as a hint."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bson import ObjectId

from orders.lifecycle import STATUSES
from orders.models import Order
from shop.api.indexed_lists import IndexedPagination, ListQuery
from shop.db.creation import ids_between
from shop.db.documents import Document

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


def order_query(*, owner: ObjectId | None, filters: Mapping[str, Any]) -> ListQuery:
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
    return ListQuery(conditions, _INDEXES[column, by_status], by_change=column == "updated_at")


def _created(first: datetime | None, end: datetime | None) -> list[Document]:
    limits = {operator: at for operator, at in (("$gte", first), ("$lt", end)) if at is not None}
    return [{"created_at": limits}, {"_id": ids_between(first, end)}] if limits else []


class OrderPagination(IndexedPagination):
    model = Order
