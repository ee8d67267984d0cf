"""The products that an aggregation looks at: at most ``MAX_COUNTED``, also if filters match few of many."""

from functools import cached_property
from typing import NamedTuple

from catalog.listing.filters import ProductFilters
from catalog.listing.orderings import NEWEST_FIRST, Condition
from catalog.listing.parameters import kind_of
from catalog.models import SEARCH_INDEX, Product
from shop.api import pagination
from shop.db import documents
from shop.db.documents import Pipeline


class _Part(NamedTuple):
    """A condition that an index serves, newest first if ``in_order``."""

    condition: Condition
    hint: str
    in_order: bool = True


class Selection(NamedTuple):
    stages: Pipeline
    hint: str
    # False if products that match may not be looked at.
    is_complete: bool
    # Number of products that the others are applied to, up to ``MAX_COUNTED + 1``; 0 without others.
    examined: int = 0


_ALL = _Part({}, "product_newest")


class Selector:
    """Read the products of the most selective filter, then apply the others.

    If every filter matches more than ``MAX_COUNTED``, read only the newest of one filter; the result is incomplete.
    """

    def __init__(self, query: ProductFilters) -> None:
        self._query = query
        self._parts: dict[str, _Part] = {}
        if query.search:
            # The rarest word.
            self._parts["search"] = _Part(query.search.conditions[0], SEARCH_INDEX)
        for name, condition in query.conditions.items():
            index = "_id_" if name == "sku" else f"product_{kind_of(name)}"
            self._parts[name] = _Part(condition, index, in_order=name not in ("price", "sku", "updated_since"))
        if query.options.only_in_stock:
            self._parts["opt_in_stock"] = _Part({"in_stock": True}, "product_in_stock")

    def select(self, *, without: str | None = None) -> Selection:
        """Ignore the filter ``without``."""
        match = self._query.match(without=without)
        parts = {name: part for name, part in self._parts.items() if name != without}
        first = min(parts.values(), key=lambda part: not part.in_order, default=_ALL)
        _, *conditions = match["$and"]
        if len(conditions) <= 1 and first.in_order:
            return Selection([{"$match": match}, *_newest(first)], first.hint, is_complete=True)
        rarest = min(parts, key=lambda name: self._sizes.get(name, 0))
        examined = self._sizes.get(rarest, 0)
        is_complete = examined <= pagination.MAX_COUNTED
        part = parts[rarest] if is_complete else first if first.in_order else _ALL
        return Selection(
            [{"$match": _active(part)}, *_newest(part), {"$match": match}], part.hint, is_complete, examined
        )

    @cached_property
    def _sizes(self) -> dict[str, int]:
        """Return the number of products per filter, up to ``MAX_COUNTED + 1``."""
        first, *others = (
            [
                {"$match": _active(part)},
                {"$limit": pagination.MAX_COUNTED + 1},
                {"$group": {"_id": {"$literal": name}, "products": {"$sum": 1}}},
            ]
            for name, part in self._parts.items()
        )
        union = [{"$unionWith": {"coll": Product._meta.db_table, "pipeline": each}} for each in others]
        return {row["_id"]: row["products"] for row in documents.aggregate(Product, [*first, *union])}


def _active(part: _Part) -> Condition:
    return {"$and": [{"is_active": True}, part.condition]}


def _newest(part: _Part) -> Pipeline:
    limit: Pipeline = [{"$limit": pagination.MAX_COUNTED + 1}]
    return [{"$sort": NEWEST_FIRST}, *limit] if part.in_order else limit
