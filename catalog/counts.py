"""How many products a filter lets through.

Counting passes every product, so a large count costs more than all the rest of a list; but one more or less does not
change what shoppers make of "1,204 products". So a count from ``REMEMBERED_FROM`` is remembered for a second by each
server process, and that there are more than are ever counted for a minute. Smaller ones, where every product is
noticed, are counted each time; and products themselves are never remembered.
"""

import hashlib
from typing import Any

import bson

from catalog.models import Product
from shop.documents import Document, Pipeline
from shop.remembered import Remembered

REMEMBERED_FROM = 1_000
SECONDS, SECONDS_WHERE_UNCOUNTED = 1.0, 60.0
# As long as so few match, looking at all of them for one page costs MongoDB less than a count of its own.
FEW = 64
SECONDS_FEW = 60.0

_remembered: Remembered[int] = Remembered(seconds=SECONDS, most=1_000)
# Where so few matched last time. It decides how they are counted, not what is counted.
_few: Remembered[bool] = Remembered(seconds=SECONDS_FEW, most=1_000)


class ListCount:
    """How the products that match are counted in the command that reads a page of them, unless that is known.

    The ``on_the_way`` stages belong before the page's, those ``beside`` it behind all others, ``also`` is to be read of
    each product. Then :meth:`take` has the number.
    """

    def __init__(self, match: dict[str, Any], *, at_most: int, whole: bool) -> None:
        """Without the ``whole`` of the matching products to come by, they are counted beside them."""
        self._key, self._at_most = _digest(match), at_most
        self._known = _remembered.recall(self._key)
        self.on_the_way: Pipeline = []
        self.also: dict[str, Any] = {}
        self.beside: Pipeline = []
        if self._known is None and whole and _few.recall(self._key):
            # Those that were few may be many by now.
            self.on_the_way = [{"$limit": at_most}, {"$setWindowFields": {"output": {"counted": {"$count": {}}}}}]
            self.also = {"counted": "$counted"}
        elif self._known is None:
            count = [{"$match": match}, {"$limit": at_most}, {"$count": "counted"}]
            self.beside = [{"$unionWith": {"coll": Product._meta.db_table, "pipeline": count}}]

    def take(self, rows: list[Document]) -> int:
        """Return the number, and leave the rows as if nothing had been counted."""
        if self._known is not None:
            return self._known
        counted = rows[-1]["counted"] if rows and "counted" in rows[-1] else 0
        if self.on_the_way:
            for row in rows:
                del row["counted"]
        elif counted:
            # Where nothing matches, there is no row to say so.
            rows.pop()
        self._remember(counted)
        return counted

    def _remember(self, counted: int) -> None:
        if counted >= REMEMBERED_FROM:
            seconds = SECONDS if counted < self._at_most else SECONDS_WHERE_UNCOUNTED
            _remembered.remember(self._key, counted, seconds=seconds)
        if counted <= FEW:
            _few.remember(self._key, True)
        elif self.on_the_way:
            _few.remember(self._key, False)


def _digest(match: dict[str, Any]) -> bytes:
    # Filters may be long, and anybody may ask for as many as they like.
    return hashlib.blake2b(bson.encode(match), digest_size=16).digest()
