from collections.abc import Collection
from typing import NamedTuple

from rest_framework import status

from shop.api.errors import ShopError
from shop.changes.models import COUNTER, Change, ChangeCounter
from shop.db import documents
from shop.db.transactions import snapshot

MOST_CHANGES = 1000


class CursorExpired(ShopError):
    status_code = status.HTTP_410_GONE
    default_code = "cursor_expired"
    default_detail = "Changes after this cursor were deleted. Read all objects again, then go on with `after=latest`."


class Page(NamedTuple):
    """``next`` is the position to go on with."""

    changes: list[Change]
    next: int
    has_more: bool


def read(*, after: int | None, kinds: Collection[str] = (), limit: int) -> Page:
    """Return the changes behind a position; with None, the oldest ones that are kept.

    Raises ``CursorExpired``, also for a position that was never given: the database is then another one, such as a
    restored backup.
    """
    # One snapshot, so that `next` passes over rows of other kinds only.
    with snapshot():
        counter = documents.find_one(ChangeCounter, {"_id": COUNTER})
        last, deleted = (counter.last, counter.deleted) if counter else (0, 0)
        # Rows up to `deleted` may still be about to be deleted.
        behind = {"_id": {"$gt": deleted if after is None else after}}
        match = {"kind": {"$in": sorted(kinds)}, **behind} if kinds else behind
        rows = documents.views(Change, [{"$match": match}, {"$sort": {"_id": 1}}, {"$limit": limit + 1}])
    if after is not None and not deleted <= after <= last:
        raise CursorExpired(attr="after")
    changes, has_more = rows[:limit], len(rows) > limit
    return Page(changes, changes[-1].position if has_more else last, has_more)


def latest() -> Page:
    """Return the end of the feed, without changes."""
    counter = documents.find_one(ChangeCounter, {"_id": COUNTER})
    return Page([], counter.last if counter else 0, has_more=False)
