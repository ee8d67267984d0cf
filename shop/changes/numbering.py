"""Positions are given in a transaction of their own, so that no other one waits for the counter."""

from shop.changes import hooks
from shop.changes.models import COUNTER, Change, ChangeCounter, PendingChanges
from shop.db import documents
from shop.db.transactions import transactional
from shop.jobs import TimeLimit

# At least one document, of up to `recording.MOST_TOGETHER`, in a transaction.
NUMBERED_TOGETHER = 200


def number_due(*, seconds: float | None = None) -> int:
    """Number changes for a slice of time, and return how many. Concurrent calls conflict and are repeated."""
    limit, numbered = TimeLimit(seconds), 0
    while documents.aggregate(PendingChanges, [{"$limit": 1}, {"$project": {"_id": 1}}]):
        numbered += _number()
        if limit.is_over:
            break
    return numbered


@transactional("changes.number")
def _number() -> int:
    pending = _oldest()
    entries = [
        (change_type, object_id, parent, row.at) for row in pending for change_type, object_id, parent in row.entries
    ]
    if not pending:
        return 0
    counted = documents.find_one_and_update(
        ChangeCounter, {"_id": COUNTER}, {"$inc": {"last": len(entries)}}, returning=("last",), upsert=True
    )
    first = (counted["last"] if counted else 0) - len(entries) + 1
    changes = [
        Change(
            position=position,
            kind=change_type.partition(".")[0],
            type=change_type,
            object_id=object_id,
            parent=parent,
            at=at,
        )
        for position, (change_type, object_id, parent, at) in enumerate(entries, first)
    ]
    documents.insert(*changes)
    documents.delete_many(PendingChanges, {"_id": {"$in": [row.pk for row in pending]}})
    hooks.on_numbered(changes=changes)
    return len(changes)


def _oldest() -> list[PendingChanges]:
    rows = documents.views(PendingChanges, [{"$sort": {"recorded": 1}}, {"$limit": NUMBERED_TOGETHER}])
    taken: list[PendingChanges] = []
    entries = 0
    for row in rows:
        entries += len(row.entries)
        if taken and entries > NUMBERED_TOGETHER:
            break
        taken.append(row)
    return taken
