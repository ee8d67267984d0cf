"""Filters by options of variants: several must be met by one variant."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from catalog.listing.orderings import Condition
from catalog.options import option_pair


class OptionFilters(NamedTuple):
    """Values by name of an option. ``only_in_stock`` ignores variants that are sold out."""

    values: Mapping[str, list[str]]
    only_in_stock: bool

    def pairs(self, *, without: str | None = None) -> Iterator[tuple[str, list[str]]]:
        """Yield each filter's name with its pairs; a variant must have one of them."""
        for name, values in self.values.items():
            if f"opt_{name}" != without:
                yield f"opt_{name}", [option_pair(name, value) for value in values]

    @property
    def conditions(self) -> dict[str, Condition]:
        """Return a condition for each name, which an index serves."""
        return {name: {"option_pairs": {"$in": pairs}} for name, pairs in self.pairs()}

    def of_one_variant(self, *, without: str | None = None) -> Condition | None:
        """Return the condition that one variant meets all filters, or None if those of the names say so already."""
        pairs = [{"pairs": {"$in": pairs}} for _, pairs in self.pairs(without=without)]
        if self.only_in_stock:
            return {"combinations": {"$elemMatch": {"$and": [{"in_stock": True}, *pairs]}}} if pairs else None
        return {"combinations": {"$elemMatch": {"$and": pairs}}} if len(pairs) > 1 else None

    def pairs_found(self, *, without: str | None = None) -> Any:
        """Return an array expression of a product's pairs that can still be chosen: of its variants that match."""
        met: list[Any] = [
            {"$gt": [{"$size": {"$setIntersection": ["$$variant.pairs", pairs]}}, 0]}
            for _, pairs in self.pairs(without=without)
        ]
        if self.only_in_stock:
            met.append("$$variant.in_stock")
        if not met:
            return {"$ifNull": ["$option_pairs", []]}
        combinations = {"$ifNull": ["$combinations", []]}
        matching = {"$filter": {"input": combinations, "as": "variant", "cond": {"$and": met}}}
        union = {"$setUnion": ["$$value", "$$this.pairs"]}
        return {"$reduce": {"input": matching, "initialValue": [], "in": union}}
