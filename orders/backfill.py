"""Fields of orders that were placed before orders had them. Once all have them, the indexes find none.

The tasks repeat, since the previous release may still place orders; their cursor is the number of changed orders.
"""

from pymongo import UpdateMany, UpdateOne

from accounts.models import User
from orders import search_words
from orders.lifecycle import STATUSES
from orders.models import Order
from shop import jobs
from shop.db import documents
from shop.db.documents import Document
from shop.jobs import Cursor, TimeLimit

ORDERS_AT_ONCE = 500


@jobs.every_in_slices(3600, name="orders.add_addresses")
def add_addresses(cursor: Cursor) -> Cursor:
    added, limit = cursor or 0, TimeLimit()
    without = [{"$match": {"email": None}}, {"$limit": ORDERS_AT_ONCE}, {"$project": {"user_id": 1}}]
    while rows := documents.aggregate(Order, without):
        accounts = User.objects.filter(pk__in={row["user_id"] for row in rows} - {None}, closed_at=None)
        emails = dict(accounts.values_list("pk", "email"))
        for row in rows:
            # An order that is detached concurrently has an empty address.
            unchanged = {**row, "email": None}
            added += documents.update_one(Order, unchanged, {"$set": {"email": emails.get(row["user_id"], "")}})
        if limit.is_over:
            return added
    return None


@jobs.every_in_slices(3600, name="orders.add_update_times")
def add_update_times(cursor: Cursor) -> Cursor:
    """Let orders that have not changed since they were placed have that time; the cursor is their number."""
    added, limit = cursor or 0, TimeLimit()
    # With all statuses, for the index.
    any_status = {name: {"$in": [str(each) for each in known]} for name, known in STATUSES.items()}
    without = {**any_status, "updated_at": None}
    while keys := documents.aggregate(
        Order,
        [{"$match": without}, {"$limit": ORDERS_AT_ONCE}, {"$project": {"_id": 1}}],
        index="order_updated_statuses",
    ):
        match = {"_id": {"$in": [row["_id"] for row in keys]}, "updated_at": None}
        added += documents.bulk_write(Order, [UpdateMany(match, [{"$set": {"updated_at": "$created_at"}}])])
        if limit.is_over:
            return added
    return None


@jobs.every_in_slices(3600, name="orders.add_search_words")
def add_search_words(cursor: Cursor) -> Cursor:
    """An order that changes concurrently gets them in the next round."""
    added, limit = cursor or 0, TimeLimit()
    while rows := documents.aggregate(Order, [{"$match": {"search_words": None}}, {"$limit": ORDERS_AT_ONCE}]):
        added += documents.bulk_write(Order, list(map(_with_words, rows)))
        if limit.is_over:
            return added
    return None


def _with_words(row: Document) -> UpdateOne:
    unchanged = {"_id": row["_id"], "search_words": None, "updated_at": row.get("updated_at")}
    return UpdateOne(unchanged, {"$set": {"search_words": search_words.of(documents.view(Order, row))}})
