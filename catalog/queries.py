"""From a query string to products: filters, search and ordering of the catalogue, in MongoDB's own words."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

from bson import Decimal128, ObjectId
from django.http import Http404, QueryDict
from django.utils.functional import cached_property
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.generics import get_object_or_404

from catalog.models import ATTRIBUTE_NAME, SEARCH_INDEX, Category, Product
from catalog.read_model import attribute_pair
from catalog.search import Search
from shop import documents
from shop.api.fields import LowerSlugField
from shop.api.query import QueryBooleanField, RepeatedField, given, refuse_unknown_filter
from shop.documents import Pipeline
from shop.money_fields import MoneyField
from shop.permissions import staff_may
from shop.remembered import Remembered, lasting

# A filter in MongoDB's own words.
Condition = dict[str, Any]

# Inactive products and stock: who may change them has to see them, as in the admin.
SEE_ALL = ("catalog.view_product", "catalog.change_product")


def at(address: str) -> Condition:
    """Return what matches the product with this id or slug."""
    return {"_id": ObjectId(address)} if ObjectId.is_valid(address) else {"slug": {"$eq": address.lower()}}


def find_product(address: str, *, user: Any) -> Product:
    """Return the product with this id or slug; inactive ones exist for staff only. Raises ``Http404``."""
    lookup = {"pk": address} if ObjectId.is_valid(address) else {"slug": address}
    product = get_object_or_404(Product.objects.all(), **lookup)
    if not product.is_active and not staff_may(user, *SEE_ALL):
        raise Http404
    return product


class Ordering(NamedTuple):
    """``field`` decides, the id breaks ties in the same direction; ``position`` reads its value from a cursor."""

    field: str
    descending: bool
    position: serializers.Field

    @property
    def sort(self) -> dict[str, int]:
        direction = -1 if self.descending else 1
        return {self.field: direction, "_id": direction}

    def beyond(self, value: Any, row: ObjectId) -> Condition:
        """Return what matches the products that come after the one with this value and id."""
        after = "$lt" if self.descending else "$gt"
        return {"$or": [{self.field: {after: value}}, {self.field: value, "_id": {after: row}}]}


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
# How many products are counted, reached by page numbers, ranked by relevance and looked at for facets. Each of them
# costs time; whatever is beyond costs none.
COUNTED = 10_000
# Each attribute that is asked for costs the facets another look at the products.
MAX_ATTRIBUTES_ASKED = 10
MAX_VALUES = 50
# Parameters of a list that no filter is.
_NO_FILTERS = frozenset(("page", "page_size", "cursor"))
_ATTRIBUTE_PARAMETER = re.compile(rf"attr_({ATTRIBUTE_NAME})\Z")


class ProductFiltersSerializer(serializers.Serializer):
    """What a query string may ask of products."""

    category = RepeatedField(
        child=LowerSlugField(max_length=140),
        most=MAX_VALUES,
        required=False,
        help_text="A slug; products below it in the tree are included. Given again, one of the categories will do.",
    )
    min_price = MoneyField(required=False)
    max_price = MoneyField(required=False)
    in_stock = QueryBooleanField(required=False)
    search = serializers.CharField(
        required=False,
        max_length=200,
        allow_blank=True,
        help_text="Words of name, category, description, attributes and options, and SKUs; all words must match in any "
        "of their forms. Of the last one its beginning will do. Letters and digits count, no other character does: "
        "`t-shirt`, `tshirt` and `T shirt` are the same, and so are `o` and `ø`. Common English words (`the`) "
        "count only in such a compound or alone. Chinese, Japanese, Thai, Lao, Khmer and Burmese match anywhere.",
    )


class ProductQuerySerializer(ProductFiltersSerializer):
    """The query string of a product list."""

    ordering = serializers.ChoiceField(
        choices=[*ORDERINGS, RELEVANCE],
        required=False,
        default="newest",
        help_text="`relevance` needs a `search`, ranks the newest 10,000 matches and ends there.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["ordering"] == RELEVANCE and not attrs.get("search"):
            raise serializers.ValidationError({"ordering": "Relevance needs a search."}, code="search_required")
        return attrs


# One parameter of the description stands for any number of parameters `attr_NAME`.
ATTRIBUTE_PARAMETER = OpenApiParameter(
    "attributes",
    {
        "type": "object",
        "propertyNames": {"pattern": f"^attr_{ATTRIBUTE_NAME}$"},
        "additionalProperties": {"type": "string", "maxLength": 200, "pattern": "^[^\u0000]*$"},
        "maxProperties": MAX_ATTRIBUTES_ASKED,
        # Swagger UI fills in an example of an object, and that filter would hide all other products.
        "default": {},
    },
    style="form",
    explode=True,
    description="Products whose attribute has this value in any case, e.g. `attr_colour=red`. Given again for the same "
    "attribute, one of the values will do: `attr_colour=red&attr_colour=blue`. At most "
    f"{MAX_ATTRIBUTES_ASKED} attributes with {MAX_VALUES} values each.",
)


# Under which slug a category is found changes hardly ever, and is asked all the time.
_ids_of_slugs: Remembered[ObjectId] = Remembered(seconds=1.0, most=1_000)


def _understand(
    serializer_class: type[serializers.Serializer], asked: tuple[tuple[str, Any], ...]
) -> Mapping[str, Any]:
    serializer = serializer_class(data=dict(asked))
    serializer.is_valid(raise_exception=True)
    return MappingProxyType(serializer.validated_data)


@cache
def _fields_of(serializer_class: type[serializers.Serializer]) -> Mapping[str, serializers.Field]:
    return serializer_class().get_fields()


# What is asked is the same again and again, by everybody, and means the same each time. Whoever asks for something else
# fills no memory with it.
_SHORT = 300
_understood = lasting(most=1_000)(_understand)


class ProductFilters:
    """The validated filters of a query string: which products.

    Raises ``ValidationError`` for a parameter that cannot be understood and for a category that does not exist.
    """

    serializer_class = ProductFiltersSerializer
    # What the serializer makes of an empty query string.
    nothing: Mapping[str, Any] = {}

    def __init__(self, parameters: QueryDict) -> None:
        known = _fields_of(self.serializer_class)
        asked: list[tuple[str, Any]] = []
        attributes: list[tuple[str, list[str]]] = []
        length = 0
        for name, values in given(parameters):
            if name in known:
                repeats = isinstance(known[name], RepeatedField)
                asked.append((name, tuple(values) if repeats else values[-1]))
                length += sum(map(len, values))
            elif name.startswith("attr_"):
                attributes.append((name, values))
            elif name not in _NO_FILTERS:
                refuse_unknown_filter(name)
        understand = _understood if length <= _SHORT else _understand
        self.data: Mapping[str, Any] = understand(self.serializer_class, tuple(asked)) if asked else self.nothing
        self.attributes = self._attributes(attributes)
        self.categories = self._categories(self.data.get("category", ()))
        text = self.data.get("search")
        self.search = Search(text) if text else None

    @staticmethod
    def _attributes(asked: Iterable[tuple[str, list[str]]]) -> dict[str, list[str]]:
        attributes: dict[str, list[str]] = {}
        for name, values in asked:
            match = _ATTRIBUTE_PARAMETER.match(name)
            if match is None or any("\0" in value or len(value) > 200 for value in values):
                raise ValidationError({name: "There is no such attribute."}, code="invalid")
            if len(values) > MAX_VALUES or len(attributes) == MAX_ATTRIBUTES_ASKED:
                limits = f"{MAX_ATTRIBUTES_ASKED} attributes with {MAX_VALUES} values each"
                raise ValidationError({name: f"Ask for at most {limits}."}, code="too_many")
            attributes[match[1]] = values
        return attributes

    @staticmethod
    def _categories(slugs: Iterable[str]) -> list[ObjectId]:
        """Return the ids of the categories with these slugs, which costs a look-up once in a second."""
        known = {slug: _ids_of_slugs.recall(slug) for slug in slugs}
        if missing := [slug for slug, pk in known.items() if pk is None]:
            for row in documents.find(Category, {"slug": {"$in": missing}}, only=("id", "slug")):
                known[row.slug] = row.pk
                _ids_of_slugs.remember(row.slug, row.pk)
        for slug, pk in known.items():
            if pk is None:
                raise ValidationError({"category": f"There is no category {slug!r}."}, code="does_not_exist")
        return list(known.values())

    @cached_property
    def conditions(self) -> dict[str, Condition]:
        """What each filter that was asked for lets through, by the filter's name; the search is none of them."""
        conditions: dict[str, Condition] = {}
        if self.categories:
            # A single value lets MongoDB walk an index in the list's order.
            one, *more = self.categories
            conditions["category"] = {"category_lineage": {"$in": self.categories} if more else one}
        operators = {"min_price": "$gte", "max_price": "$lte"}
        if limits := {operators[name]: Decimal128(self.data[name]) for name in operators if name in self.data}:
            conditions["price"] = {"price": limits}
        if "in_stock" in self.data:
            conditions["in_stock"] = {"in_stock": self.data["in_stock"]}
        for name, values in self.attributes.items():
            conditions[f"attr_{name}"] = {"attribute_pairs": {"$in": [attribute_pair(name, value) for value in values]}}
        return conditions

    def index(self, *, without: str | None = None) -> str | None:
        """Return the index to find the products by, newest first, or None where MongoDB should find out.

        It finds out by trying, and uses the plan for all searches that come after, as long as it is not bad by far.
        But plans that are good for common words (walking all products until enough match) are bad for rare ones.
        """
        return SEARCH_INDEX if self.search and not self.conditions.keys() - {without} else None

    def match(self, *, without: str | None = None) -> Condition:
        """Return what the products must match, which are active ones; ``without`` names a filter that does not count.

        Costs what the search's conditions cost.
        """
        conditions = [condition for name, condition in self.conditions.items() if name != without]
        searched = self.search.conditions if self.search else []
        return {"$and": [{"is_active": True}, *conditions, *searched]}


class ProductQuery(ProductFilters):
    """The validated query string of a product list: which products, in which order."""

    serializer_class = ProductQuerySerializer
    nothing = {"ordering": "newest"}

    @property
    def ordering(self) -> Ordering | None:
        """None stands for relevance."""
        return ORDERINGS.get(self.data["ordering"])

    def index(self, *, without: str | None = None) -> str | None:
        """In another order than the newest first, an index of that order may be the better one."""
        return super().index(without=without) if self.data["ordering"] in ("newest", RELEVANCE) else None

    def in_order(self) -> Pipeline:
        """Return the stages that find the matching products in the order asked for.

        By relevance these are the newest ``COUNTED`` at most: how well a product matches is in no index.
        """
        if self.ordering is not None:
            return [{"$match": self.match()}, {"$sort": self.ordering.sort}]
        ranked = self.match()
        first_beyond = [{"$match": ranked}, {"$sort": NEWEST_FIRST}, {"$skip": COUNTED}, {"$limit": 1}]
        first_beyond.append({"$project": {"created_at": 1}})
        for row in documents.aggregate(Product, first_beyond, index=self.index()):
            at, pk = row["created_at"], row["_id"]
            newer = {"$or": [{"created_at": {"$gt": at}}, {"created_at": at, "_id": {"$gt": pk}}]}
            ranked = {"$and": [ranked, newer]}
        relevance = {"$set": {"relevance": self.search.relevance()}}
        return [{"$match": ranked}, relevance, {"$sort": {"relevance": -1, "sales": -1, "_id": -1}}]
