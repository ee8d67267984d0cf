from datetime import timedelta

from django.utils import timezone

from shop import jobs
from shop.changes.models import COUNTER, Change, ChangeCounter, retention_days
from shop.db import documents
from shop.jobs.retention import BATCH


@jobs.every_in_slices(3600, name="shop.forget_changes")
def delete_old_changes(cursor: jobs.Cursor) -> jobs.Cursor:
    """Delete the oldest rows, as far as they are older than ``CHANGES_RETENTION_DAYS``.

    The counter is written first: a reader that finds rows missing finds out why.
    """
    if not (days := retention_days()):
        return None
    before = timezone.now() - timedelta(days=days)
    limit = jobs.TimeLimit()
    while True:
        oldest = documents.views(Change, [{"$sort": {"_id": 1}}, {"$limit": BATCH}])
        # Times need not have the order of positions.
        kept = next((number for number, row in enumerate(oldest) if row.at >= before), len(oldest))
        if not kept:
            return None
        last = oldest[kept - 1].position
        documents.update_one(ChangeCounter, {"_id": COUNTER}, {"$max": {"deleted": last}})
        documents.delete_many(Change, {"_id": {"$lte": last}})
        if limit.is_over:
            return True
