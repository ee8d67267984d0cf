from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any, cast

from bson import Decimal128, ObjectId
from django.db.models import Model
from django.http import QueryDict
from django.utils.functional import cached_property
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from catalog.brands import brand_slug
from catalog.collections.models import COLLECTION_ORDER, Collection, CollectionItem
from catalog.listing import corrections
from catalog.listing.option_filters import OptionFilters
from catalog.listing.orderings import HAND_SORTED, NEWEST_FIRST, ORDERINGS, RELEVANCE, Condition, Ordering
from catalog.listing.parameters import (
    ACTIVE,
    MAX_NAMED_FILTERS,
    MAX_VALUES,
    NAMED_FILTER,
    NAMED_KINDS,
    STATUSES,
    ProductFiltersSerializer,
    ProductQuerySerializer,
)
from catalog.listing.search import Search
from catalog.models import SEARCH_INDEX, Category, Product, Variant
from catalog.read_model import attribute_pair
from catalog.redirects import Kind, find_targets
from shop.api import pagination
from shop.api.query import RepeatedField, non_blank_parameters, refuse_unknown_filter
from shop.db import documents
from shop.db.caches import TTLCache
from shop.db.documents import Pipeline

_NO_FILTERS = frozenset(("page", "page_size", "cursor"))


_ids_of_slugs: TTLCache[ObjectId] = TTLCache(seconds=1.0, maxsize=1_000)
_ids_of_collections: TTLCache[ObjectId] = TTLCache(seconds=1.0, maxsize=1_000)


def _parse(serializer_class: type[serializers.Serializer], asked: tuple[tuple[str, Any], ...]) -> Mapping[str, Any]:
    serializer = serializer_class(data=dict(asked))
    serializer.is_valid(raise_exception=True)
    return MappingProxyType(serializer.validated_data)


@cache
def _fields_of(serializer_class: type[serializers.Serializer]) -> Mapping[str, serializers.Field]:
    return serializer_class().get_fields()


# Do not cache longer query strings: this limits the cache's memory.
_LONGEST_CACHED = 400
_parse_cached = lru_cache(maxsize=1_000)(_parse)


class ProductFilters:
    """The filters of a query string. Raises ``ValidationError``."""

    serializer_class = ProductFiltersSerializer

    def __init__(self, parameters: QueryDict) -> None:
        known = _fields_of(self.serializer_class)
        asked: list[tuple[str, Any]] = []
        named: list[tuple[str, list[str]]] = []
        for name, values in non_blank_parameters(parameters):
            if name in known:
                asked.append((name, tuple(values) if isinstance(known[name], RepeatedField) else values[-1]))
            elif name.startswith(("attr_", "opt_")):
                named.append((name, values))
            elif name not in _NO_FILTERS:
                refuse_unknown_filter(name)
        parse = _parse_cached if len(str(asked)) <= _LONGEST_CACHED else _parse
        self.data = parse(self.serializer_class, tuple(asked))
        chosen = self._named(named)
        self.attributes = chosen["attr"]
        self.options = OptionFilters(chosen["opt"], only_in_stock=self.data.get("opt_in_stock", False))
        self.categories = self._categories(self.data.get("category", ()))
        self.collection = self._collection(self.data.get("collection", ""))
        # Products without a brand have "".
        self.brands = {slug: brand for brand in self.data.get("brand", ()) if (slug := brand_slug(brand))}
        text = self.data.get("search")
        self.search = Search(text) if text else None
        self.corrected_query: str | None = None

    def correct(self) -> bool:
        """Correct the typing errors of a search that finds nothing; return whether it changed. Sends a command."""
        if self.search is None or self.corrected_query is not None:
            return False
        self.corrected_query = corrections.correct(self.search)
        if self.corrected_query is None:
            return False
        self.search = Search(self.corrected_query)
        return True

    @staticmethod
    def _named(asked: Iterable[tuple[str, list[str]]]) -> dict[str, dict[str, list[str]]]:
        """Return values by name, of attributes ("attr") and options ("opt")."""
        chosen: dict[str, dict[str, list[str]]] = {kind: {} for kind in NAMED_KINDS}
        for number, (name, values) in enumerate(asked):
            match = NAMED_FILTER.match(name)
            if match is None or any("\0" in value or len(value) > 200 for value in values):
                raise ValidationError({name: f"Unknown {NAMED_KINDS[name.partition('_')[0]]}."}, code="invalid")
            if len(values) > MAX_VALUES or number == MAX_NAMED_FILTERS:
                limits = f"{MAX_NAMED_FILTERS} attributes and options with {MAX_VALUES} values each"
                raise ValidationError({name: f"At most {limits}."}, code="too_many")
            chosen[match[1]][match[2]] = values
        return chosen

    @staticmethod
    def _categories(slugs: Sequence[str]) -> list[ObjectId]:
        known = {slug: pk for slug in slugs if (pk := _ids_of_slugs.get(slug))}
        if missing := [slug for slug in slugs if slug not in known]:
            for slug, pk in Category.objects.filter(slug__in=missing).values_list("slug", "pk"):
                known[slug] = pk
                _ids_of_slugs.set(slug, pk)
            if former := [slug for slug in missing if slug not in known]:
                known |= find_targets(Kind.CATEGORY, former)
        for slug in slugs:
            if slug not in known:
                raise ValidationError({"category": f"Category {slug!r} does not exist."}, code="does_not_exist")
        return [known[slug] for slug in slugs]

    @staticmethod
    def _collection(slug: str) -> ObjectId | None:
        if not slug:
            return None
        known = _ids_of_collections.get(slug)
        if known is None:
            active = Collection.objects.active().order_by().values_list("pk", flat=True)
            known = active.filter(slug=slug).first()
            if known is None and (former := find_targets(Kind.COLLECTION, [slug])):
                known = active.filter(pk=former[slug]).first()
            if known is None:
                raise ValidationError({"collection": f"Collection {slug!r} does not exist."}, code="does_not_exist")
            _ids_of_collections.set(slug, known)
        return known

    @property
    def status(self) -> str:
        return self.data.get("status", ACTIVE)

    @cached_property
    def conditions(self) -> dict[str, Condition]:
        """Return filters by parameter, without the search."""
        conditions: dict[str, Condition] = {}
        if self.categories:
            conditions["category"] = {"category_lineage": _any_of(self.categories)}
        if self.collection:
            conditions["collection"] = {"collections": self.collection}
        if self.brands:
            conditions["brand"] = {"brand_slug": _any_of(list(self.brands))}
        if tags := self.data.get("tag"):
            conditions["tag"] = {"tags": _any_of(tags)}
        if skus := self.data.get("sku"):
            variants = Variant.objects.active() if self.status == ACTIVE else Variant.objects.all()
            found = variants.with_skus(skus).values_list("product", flat=True)
            conditions["sku"] = {"_id": {"$in": sorted(set(found))}}
        if since := self.data.get("updated_since"):
            conditions["updated_since"] = {"updated_at": {"$gte": since}}
        operators = {"min_price": "$gte", "max_price": "$lte"}
        if limits := {operators[name]: Decimal128(self.data[name]) for name in operators if name in self.data}:
            conditions["price"] = {"price": limits}
        if "in_stock" in self.data:
            conditions["in_stock"] = {"in_stock": self.data["in_stock"]}
        for name, values in self.attributes.items():
            conditions[f"attr_{name}"] = {"attribute_pairs": {"$in": [attribute_pair(name, value) for value in values]}}
        return conditions | self.options.conditions

    def match(self, *, without: str | None = None) -> Condition:
        """Return the condition of all filters except ``without``, and of the search. May query the database."""
        conditions = [condition for name, condition in self.conditions.items() if name != without]
        if (of_one_variant := self.options.of_one_variant(without=without)) is not None:
            conditions.append(of_one_variant)
        elif self.options.only_in_stock:
            conditions.append({"in_stock": True})
        searched = self.search.conditions if self.search else []
        return {"$and": [{"is_active": STATUSES[self.status]}, *conditions, *searched]}


def _any_of(values: Sequence[Any]) -> Any:
    # With one value, MongoDB can use an index in the list's order.
    one, *more = values
    return {"$in": list(values)} if more else one


class ProductQuery(ProductFilters):
    serializer_class = ProductQuerySerializer

    @property
    def ordering(self) -> Ordering | None:
        """None for relevance and the order of a collection."""
        return ORDERINGS.get(self.data["ordering"])

    @property
    def source(self) -> type[Model]:
        """Where the products are found: an index of a collection's items has their order."""
        return CollectionItem if self.data["ordering"] == HAND_SORTED else Product

    def index(self) -> str | None:
        """Return an index hint, if any: MongoDB may cache a plan for common words that is bad for rare ones.

        None for other orders, whose index may be better.
        """
        if self.source is CollectionItem:
            return COLLECTION_ORDER
        only_search = self.search is not None and not self.conditions
        return SEARCH_INDEX if only_search and self.data["ordering"] in ("newest", RELEVANCE) else None

    def match_and_sort(self) -> Pipeline:
        """Relevance has no index, so it ranks only the newest ``MAX_COUNTED``."""
        if self.source is CollectionItem:
            return self._in_hand_made_order()
        if self.ordering is not None:
            return [{"$match": self.match()}, {"$sort": self.ordering.sort}]
        ranked = self.match()
        first_beyond = [{"$match": ranked}, {"$sort": NEWEST_FIRST}, {"$skip": pagination.MAX_COUNTED}, {"$limit": 1}]
        first_beyond.append({"$project": {"created_at": 1}})
        for row in documents.aggregate(Product, first_beyond, index=self.index()):
            at, pk = row["created_at"], row["_id"]
            newer = {"$or": [{"created_at": {"$gt": at}}, {"created_at": at, "_id": {"$gt": pk}}]}
            ranked = {"$and": [ranked, newer]}
        relevance = {"$set": {"relevance": cast("Search", self.search).relevance()}}
        return [{"$match": ranked}, relevance, {"$sort": {"relevance": -1, "sales": -1, "_id": -1}}]

    def _in_hand_made_order(self) -> Pipeline:
        """Read items in their order and the products of only as many as a page needs, of the first ``MAX_COUNTED``."""
        product = {
            "from": Product._meta.db_table,
            "localField": "product_id",
            "foreignField": "_id",
            "pipeline": [{"$match": self.match()}],
            "as": "product",
        }
        return [
            {"$match": {"collection_id": self.collection}},
            {"$sort": {"position": 1, "_id": 1}},
            {"$limit": pagination.MAX_COUNTED},
            {"$lookup": product},
            {"$unwind": "$product"},
            {"$replaceRoot": {"newRoot": "$product"}},
        ]
