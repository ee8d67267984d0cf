from collections.abc import Iterator

from shop.audit.registry import invariant
from shop.changes.models import COUNTER, Change, ChangeCounter
from shop.db import documents


@invariant("the positions of changes have no gap, up to the counter")
def positions_are_gapless() -> Iterator[str]:
    counter = ChangeCounter.objects.filter(pk=COUNTER).first()
    last, deleted = (counter.last, counter.deleted) if counter else (0, 0)
    # Rows up to `deleted` may still be about to be deleted.
    kept = {"_id": None, "count": {"$sum": 1}, "first": {"$min": "$_id"}, "last": {"$max": "$_id"}}
    rows = documents.aggregate(Change, [{"$match": {"_id": {"$gt": deleted}}}, {"$group": kept}])
    found = rows[0] if rows else {"count": 0, "first": deleted + 1, "last": deleted}
    if (found["first"], found["last"], found["count"]) != (deleted + 1, last, last - deleted):
        yield (
            f"{found['count']} changes from {found['first']} to {found['last']}, "
            f"but the counter has {deleted + 1} to {last}"
        )
