"""Addresses of orders that were placed before orders had one. Once all have it, the index finds none."""

from accounts.models import User
from orders.models import Order
from shop import jobs
from shop.db import documents
from shop.jobs import Cursor, TimeLimit

ORDERS_AT_ONCE = 500


@jobs.every_in_slices(3600, name="orders.add_addresses")
def add_addresses(cursor: Cursor) -> Cursor:
    """Repeat, since the previous release may still place orders; the cursor is the number of changed orders."""
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
