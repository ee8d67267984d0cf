"""Numbers of products per filter, counted as if that filter were not set.

One aggregation counts all filters that are not set; each set filter needs another.
"""

from collections.abc import Container, Iterable, Mapping
from decimal import Decimal
from typing import Any

from bson import Decimal128
from django.conf import settings
from rest_framework import serializers

from catalog.categories import in_tree_order
from catalog.listing.corrections import CORRECTED_QUERY
from catalog.listing.filters import ProductFilters
from catalog.listing.parameters import kind_of
from catalog.listing.replies import CategoryBriefSerializer
from catalog.listing.selection import Selection, Selector
from catalog.models import Category, Product
from catalog.search_terms import begins_with
from shop import money
from shop.api import pagination
from shop.db import documents, identifiers
from shop.db.caches import TTLCache
from shop.db.documents import Document
from shop.db.money_fields import MoneyField

MAX_NAMES = 50
MAX_VALUES = 100
# More groups come from useless filters such as serial numbers.
_MAX_GROUPS = 5_000
# 0, 1, 2, 5, 10, 20, 50 and so on.
_STEPS = [Decimal(0), *(Decimal(step).scaleb(zeros) for zeros in range(9) for step in (1, 2, 5)), Decimal(10**9)]

_NO_PRICE = Decimal128("0")
_STEPS_REACHED = {"$filter": {"input": [Decimal128(step) for step in _STEPS], "cond": {"$lte": ["$$this", "$price"]}}}

# Array expressions of a product's keys per filter.
_KEYS: dict[str, Any] = {
    "category": "$category_lineage",
    "price": [{"$size": _STEPS_REACHED}],
    "in_stock": ["$in_stock"],
    "brand": {"$filter": {"input": ["$brand_slug"], "cond": {"$gt": ["$$this", ""]}}},
    "tag": {"$ifNull": ["$tags", []]},
}
# Filters whose values are not counted.
_NOT_COUNTED = frozenset({"collection", "sku", "updated_since"})
_PAIRS = "$attribute_pairs"


class CategoryFacetSerializer(CategoryBriefSerializer):
    parent = serializers.CharField(allow_null=True, help_text="An id, or null.")  # type: ignore[assignment]
    count = serializers.IntegerField(help_text="Products in this category and its descendants.")


class PriceRangeSerializer(serializers.Serializer):
    """A price range for `min_price` and `max_price`."""

    min = MoneyField(help_text="Lowest price of the range.")
    max = MoneyField(help_text="Highest price of the range.")
    count = serializers.IntegerField()


class PriceFacetSerializer(serializers.Serializer):
    min = MoneyField(allow_null=True, help_text="The lowest price.")
    max = MoneyField(allow_null=True, help_text="The highest price.")
    ranges = PriceRangeSerializer(many=True, help_text="Non-empty ranges, lowest first.")


class StockFacetSerializer(serializers.Serializer):
    value = serializers.BooleanField()
    count = serializers.IntegerField()


class BrandFacetSerializer(serializers.Serializer):
    value = serializers.CharField(help_text="The slug, for `brand`.")
    name = serializers.CharField()
    count = serializers.IntegerField()


class TagFacetSerializer(serializers.Serializer):
    value = serializers.CharField()
    count = serializers.IntegerField()


class AttributeValueSerializer(serializers.Serializer):
    value = serializers.CharField()
    count = serializers.IntegerField()


class AttributeFacetSerializer(serializers.Serializer):
    name = serializers.CharField()
    values = AttributeValueSerializer(many=True, help_text="Most common first, at most 100.")


class FacetsSerializer(serializers.Serializer):
    corrected_query = serializers.CharField(allow_null=True, help_text=CORRECTED_QUERY)
    count = serializers.IntegerField(help_text="As in the list, or less if `count_exact` is false.")
    count_exact = serializers.BooleanField(
        help_text="False if `count` may be too low, because every filter alone matches more than 10,000 products."
    )
    exact = serializers.BooleanField(
        help_text="False if some counts are too low: only the newest 10,000 products of a filter are looked at."
    )
    categories = CategoryFacetSerializer(many=True, help_text="In the order of `/categories/`.")
    price = PriceFacetSerializer()
    in_stock = StockFacetSerializer(many=True)
    brands = BrandFacetSerializer(many=True, help_text="Most common first, at most 100.")
    tags = TagFacetSerializer(many=True, help_text="Most common first, at most 100.")
    attributes = AttributeFacetSerializer(many=True, help_text="By name, at most 50.")
    options = AttributeFacetSerializer(many=True, help_text="Of variants, by name, at most 50.")


# --- Counting ---------------------------------------------------------------------------------------------------------

# Per filter and key: the number of products, their lowest and highest price; attributes, options and brand of one.
Groups = dict[str, dict[Any, Document]]

# Facets are cached if this number of products is read for one of the filters.
CACHED_FROM = 1_000
_facets: TTLCache[dict[str, Any]] = TTLCache(seconds=5.0, maxsize=100)


def count_facets(query: ProductFilters) -> dict[str, Any]:
    """Return the data of a :class:`FacetsSerializer`. Corrects the search if nothing matches, as the list does."""
    facets = _cached_facets(query)
    if not facets["count"] and query.correct():
        facets = _cached_facets(query)
    return {**facets, "corrected_query": query.corrected_query}


def _cached_facets(query: ProductFilters) -> dict[str, Any]:
    key = repr((query.conditions, query.match()))
    facets = _facets.get(key)
    if facets is None:
        facets, examined = _count_facets(query)
        if examined >= CACHED_FROM:
            _facets.set(key, facets)
    return facets


def _count_facets(query: ProductFilters) -> tuple[dict[str, Any], int]:
    """Return the facets, and the most products that were read for one filter."""
    not_set = [name for name in _KEYS if name not in query.conditions]
    selector = Selector(query)
    selection = selector.select()
    matching, count_exact, groups = _scan(query, selection, names=[*not_set, "attributes", "options"])
    exact, examined = count_exact, max(matching, selection.examined)
    for name in query.conditions.keys() - _NOT_COUNTED:
        selection = selector.select(without=name)
        products, is_exact, found = _scan(query, selection, names=[name])
        exact, examined = exact and is_exact, max(examined, products, selection.examined)
        groups |= found
    facets = {
        "count": min(matching, pagination.MAX_COUNTED),
        "count_exact": count_exact,
        "exact": exact,
        "categories": _categories(groups.get("category", {}), chosen=query.categories),
        "price": _price(groups.get("price", {})),
        "in_stock": [
            {"value": value, "count": _products(groups.get("in_stock", {}), value)} for value in (True, False)
        ],
        "brands": [
            {"value": slug, "name": name, "count": count}
            for slug, name, count in _values(groups.get("brand", {}), chosen=query.brands)
        ],
        "tags": [
            {"value": tag, "count": count}
            for tag, _, count in _values(groups.get("tag", {}), chosen={tag: tag for tag in query.data.get("tag", ())})
        ],
        "attributes": _pairs(groups, "attributes", chosen=query.attributes),
        "options": _pairs(groups, "options", chosen=query.options.values),
    }
    return facets, examined


def _scan(query: ProductFilters, selection: Selection, *, names: Iterable[str]) -> tuple[int, bool, Groups]:
    """Return the number of products, whether these are all, and groups by the filters ``names``."""
    keys = [{"$map": {"input": _keys(query, name), "in": {"filter": name, "key": "$$this"}}} for name in names]
    pipeline = [
        *selection.stages,
        {
            "$project": {
                "price": {"$ifNull": ["$price", _NO_PRICE]},
                "attributes": 1,
                "options": 1,
                "brand": 1,
                "keys": {"$concatArrays": [[{"filter": "total"}], *keys]},
            }
        },
        {"$unwind": "$keys"},
        {
            "$group": {
                "_id": "$keys",
                "products": {"$sum": 1},
                "lowest": {"$min": "$price"},
                "highest": {"$max": "$price"},
                "attributes": {"$first": "$attributes"},
                "options": {"$first": "$options"},
                "brand": {"$first": "$brand"},
            }
        },
        # The limit drops the rarest attributes, which sort last.
        {"$sort": {"_id.filter": -1, "products": -1}},
        {"$limit": _MAX_GROUPS},
    ]
    groups: Groups = {}
    for row in documents.aggregate(Product, pipeline, index=selection.hint):
        groups.setdefault(row["_id"]["filter"], {})[row["_id"].get("key")] = row
    total = groups.pop("total", {})
    products = sum(group["products"] for group in total.values())
    return products, selection.is_complete and products <= pagination.MAX_COUNTED, groups


def _keys(query: ProductFilters, name: str) -> Any:
    kind, _, label = name.partition("_")
    if name == "attributes" or kind == "attr":
        pairs: Any = _PAIRS
    elif name == "options" or kind == "opt":
        pairs = query.options.pairs_found(without=name)
    else:
        return _KEYS[name]
    return {"$filter": {"input": pairs, "cond": begins_with("$$this", f"{label}=")}} if label else pairs


def _products(groups: dict[Any, Document], key: Any) -> int:
    # The query reads one product more than the limit.
    return min(groups[key]["products"], pagination.MAX_COUNTED) if key in groups else 0


def _categories(groups: dict[Any, Document], *, chosen: Container[Any]) -> list[dict[str, Any]]:
    return [
        {"id": row.pk, "name": row.name, "slug": row.slug, "parent": row.parent_id, "count": _products(groups, row.pk)}
        for row in in_tree_order(Category.objects.all())
        if row.pk in groups or row.pk in chosen
    ]


def _price(groups: dict[int, Document]) -> dict[str, Any]:
    """A group's key is the number of steps that its prices reach."""
    return {
        "min": min((group["lowest"].to_decimal() for group in groups.values()), default=None),
        "max": max((group["highest"].to_decimal() for group in groups.values()), default=None),
        "ranges": [
            {"min": _STEPS[reached - 1], "max": _last_before(reached), "count": _products(groups, reached)}
            for reached in sorted(groups)
        ],
    }


def _last_before(step: int) -> Decimal:
    if step == len(_STEPS):
        return settings.MAX_PRICE
    return _STEPS[step] - money.smallest_step(settings.CURRENCY)


def _values(groups: dict[str, Document], *, chosen: Mapping[str, str]) -> list[tuple[str, str, int]]:
    """Return keys with the spelling of one product and their numbers; include chosen values without products."""
    counts = {key: _products(groups, key) for key in [*chosen, *groups]}
    names = {**chosen, **{key: group["brand"] for key, group in groups.items() if group.get("brand")}}
    return [(key, names.get(key, key), counts[key]) for key in _commonest(counts, chosen, at_most=MAX_VALUES)]


def _pairs(groups: Groups, kind: str, *, chosen: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    """Return the "attributes" or "options"; include chosen values without products."""
    asked = {name: {identifiers.key(value): value for value in values} for name, values in chosen.items()}
    counts: dict[str, dict[str, int]] = {name: dict.fromkeys(values, 0) for name, values in asked.items()}
    spelled = {(name, key): value for name, values in asked.items() for key, value in values.items()}
    for filter_, found in groups.items():
        for pair, group in found.items() if kind_of(filter_) in (kind, kind[:-1]) else ():
            name, _, key = pair.partition("=")
            # Each chosen name has a separate aggregation.
            if (name in asked) == (filter_ != kind):
                counts.setdefault(name, {})[key] = _products(found, pair)
                spelled[name, key] = _spelling(group, kind, name, key)
    names = _commonest({name: sum(values.values()) for name, values in counts.items()}, asked, at_most=MAX_NAMES)
    return [
        {
            "name": name,
            "values": [
                {"value": spelled[name, key], "count": counts[name][key]}
                for key in _commonest(counts[name], asked.get(name, ()), at_most=MAX_VALUES)
            ],
        }
        for name in sorted(names)
    ]


def _spelling(group: Document, kind: str, name: str, key: str) -> str:
    if kind == "attributes":
        return group["attributes"].get(name, key)
    values = [value for each in group["options"] or () if each["name"] == name for value in each["values"]]
    return next((value for value in values if identifiers.key(value) == key), key)


def _commonest(counts: Mapping[str, int], always: Container[str], *, at_most: int) -> list[str]:
    """Return the highest counts, and those in ``always``."""
    kept = sorted(counts, key=lambda key: (key not in always, -counts[key], key))[:at_most]
    return sorted(kept, key=lambda key: (-counts[key], key))
