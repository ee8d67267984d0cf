from collections.abc import Mapping
from typing import Any

from accounts.models import User
from shop.api.indexed_lists import IndexedPagination, ListQuery
from shop.db.creation import ids_between
from shop.db.documents import Document

# The fields of the index "user_states".
STATES = ("is_staff", "is_active", "email_verified")


def customer_query(filters: Mapping[str, Any]) -> ListQuery:
    conditions: list[Document] = [{"closed_at": None}]
    by_change = "updated_since" in filters
    # The unique index of the address finds one row.
    hint: str | None = None if "email" in filters else "user_updated" if by_change else "_id_"
    if "email" in filters:
        conditions.append({"email": {"$eq": filters["email"]}})
    if by_change:
        conditions.append({"updated_at": {"$gte": filters["updated_since"]}})
    limits = {
        operator: filters[name]
        for name, operator in (("created_after", "$gte"), ("created_before", "$lt"))
        if name in filters
    }
    if limits:
        conditions += [{"date_joined": limits}, {"_id": ids_between(limits.get("$gte"), limits.get("$lt"))}]
    if chosen := [name for name in STATES if name in filters]:
        # With all values of the others, MongoDB merges ranges of the index, each in the order of ids.
        names = STATES if hint == "_id_" else chosen
        conditions += [{name: {"$in": [filters[name]] if name in filters else [True, False]}} for name in names]
        hint = "user_states" if hint == "_id_" else hint
    return ListQuery(conditions, hint, by_change)


class CustomerPagination(IndexedPagination):
    model = User
