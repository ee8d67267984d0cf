"""Large counts are cached, because counting reads every match."""

import hashlib
from typing import Any

import bson

from catalog.models import Product
from shop.db.caches import TTLCache
from shop.db.documents import Document, Pipeline

CACHED_FROM = 1_000
SECONDS, SECONDS_ABOVE_LIMIT = 1.0, 60.0
# Up to this number, reading all matches is faster than a separate count.
FEW = 64
SECONDS_FEW = 60.0

_counts: TTLCache[int] = TTLCache(seconds=SECONDS, maxsize=1_000)
# Filters with few matches last time.
_few: TTLCache[bool] = TTLCache(seconds=SECONDS_FEW, maxsize=1_000)


class ListCount:
    """Stages that count matches while reading a page, unless cached.

    ``inline_stages`` go before the page's stages, ``extra_fields`` into the projection, ``last_stages`` after it.
    """

    def __init__(self, match: dict[str, Any], *, at_most: int, reads_all: bool) -> None:
        """``reads_all``: the page's stages read every match, so they can count them."""
        self._key, self._at_most = _digest(match), at_most
        self._known = _counts.get(self._key)
        self.inline_stages: Pipeline = []
        self.extra_fields: dict[str, Any] = {}
        self.last_stages: Pipeline = []
        if self._known is None and reads_all and _few.get(self._key):
            # The number may have grown since.
            self.inline_stages = [{"$limit": at_most}, {"$setWindowFields": {"output": {"counted": {"$count": {}}}}}]
            self.extra_fields = {"counted": 1}
        elif self._known is None:
            count = [{"$match": match}, {"$limit": at_most}, {"$count": "counted"}]
            self.last_stages = [{"$unionWith": {"coll": Product._meta.db_table, "pipeline": count}}]

    def read(self, rows: list[Document]) -> int:
        """Remove the count from the rows, and return it."""
        if self._known is not None:
            return self._known
        counted = rows[-1]["counted"] if rows and "counted" in rows[-1] else 0
        if self.inline_stages:
            for row in rows:
                del row["counted"]
        elif counted:
            # Without matches there is no extra row.
            rows.pop()
        self._cache(counted)
        return counted

    def _cache(self, counted: int) -> None:
        if counted >= CACHED_FROM:
            seconds = SECONDS if counted < self._at_most else SECONDS_ABOVE_LIMIT
            _counts.set(self._key, counted, seconds=seconds)
        if counted <= FEW:
            _few.set(self._key, True)
        elif self.inline_stages:
            _few.set(self._key, False)


def _digest(match: dict[str, Any]) -> bytes:
    # Limits the memory of long filters.
    return hashlib.blake2b(bson.encode(match), digest_size=16).digest()
