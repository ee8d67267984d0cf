from datetime import timedelta

from django.utils import timezone

from shop import jobs
from shop.changes.models import COUNTER, Change, ChangeCounter, retention_days
from shop.db import documents
from shop.db.transactions import transactional
from shop.jobs.retention import BATCH

# More changes than a shop makes between a backup and its restore.
SKIPPED = 1_000_000_000


@transactional("changes.expire_cursors")
def expire_cursors() -> int:
    """Skip positions that may have been given before, expire all cursors, and return the last position."""
    counter = documents.find_one_and_update(
        ChangeCounter, {"_id": COUNTER}, {"$inc": {"last": SKIPPED}}, returning=("last",), upsert=True
    )
    last = int(counter["last"]) if counter else 0
    documents.update_one(ChangeCounter, {"_id": COUNTER}, {"$set": {"deleted": last}})
    return last


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
