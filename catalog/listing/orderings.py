from typing import Any, NamedTuple

from bson import ObjectId
from rest_framework import serializers

Condition = dict[str, Any]


class Ordering(NamedTuple):
    """A sort by ``field``, then id; ``position`` parses the value in a cursor."""

    field: str
    descending: bool
    position: serializers.Field

    @property
    def sort(self) -> dict[str, int]:
        direction = -1 if self.descending else 1
        return {self.field: direction, "_id": direction}

    def after(self, value: Any, row: ObjectId) -> Condition:
        behind = "$lt" if self.descending else "$gt"
        return {"$or": [{self.field: {behind: value}}, {self.field: value, "_id": {behind: row}}]}


_PRICE = serializers.DecimalField(max_digits=14, decimal_places=3)
ORDERINGS = {
    "newest": Ordering("created_at", True, serializers.DateTimeField()),
    "price": Ordering("price", False, _PRICE),
    "-price": Ordering("price", True, _PRICE),
    "name": Ordering("sort_name", False, serializers.CharField(allow_blank=True, trim_whitespace=False)),
    "-sales": Ordering("sales", True, serializers.IntegerField(min_value=0, max_value=2**63 - 1)),
}
NEWEST_FIRST = ORDERINGS["newest"].sort
RELEVANCE = "relevance"
HAND_SORTED = "collection"
