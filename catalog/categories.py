from collections.abc import Iterable

from bson import ObjectId

from catalog.models import Category
from catalog.search_terms import sort_name


def in_tree_order(categories: Iterable[Category]) -> list[Category]:
    """Sort parents before children, siblings by position and name."""
    places = {category.pk: (category.position, sort_name(category.name), category.pk) for category in categories}
    return sorted(categories, key=lambda category: [places[pk] for pk in category.lineage if pk in places])


def count_products(categories: Iterable[Category], *, among: Iterable[Category] | None = None) -> None:
    """Set ``product_count``, which includes descendants that are in ``among`` (default: in ``categories``).

    A product of several of these categories counts once.
    """
    totals: dict[ObjectId, int] = {}
    for category in categories if among is None else among:
        for ancestor in category.lineage:
            totals[ancestor] = totals.get(ancestor, 0) + category.active_products
    for category in categories:
        category.product_count = totals.get(category.pk, 0) + category.shared_products
