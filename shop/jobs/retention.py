"""Deletion and change of old rows by tasks, if a TTL index cannot do it."""

from collections.abc import Mapping
from typing import Any

from django.db import models

from shop.db import documents
from shop.db.batches import first_keys
from shop.jobs.periodic import Cursor
from shop.jobs.timing import TimeLimit

BATCH = 500


def delete_in_batches(model: type[models.Model], match: Mapping[str, Any]) -> Cursor:
    """Return the result of a slice: a cursor if there may be more. An index must serve ``match``."""
    limit = TimeLimit()
    while keys := [row["_id"] for row in documents.aggregate(model, [{"$match": match}, {"$limit": BATCH}, _ID_ONLY])]:
        # Again with the condition: a row may have changed.
        documents.delete_many(model, {"_id": {"$in": keys}, **match})
        if limit.is_over:
            return True
    return None


def update_in_batches(rows: models.QuerySet, **values: Any) -> Cursor:
    """Return the result of a slice. Rows with the values must not match again."""
    limit = TimeLimit()
    while True:
        keys, is_more = first_keys(rows.order_by(), limit=BATCH)
        # Again with the condition: a row may have changed.
        rows.filter(pk__in=keys).update(**values)
        if not is_more:
            return None
        if limit.is_over:
            return True


_ID_ONLY = {"$project": {"_id": 1}}
