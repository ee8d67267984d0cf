"""From a query string to products: filters, search, ordering and pages of the catalogue."""

import base64
import io
import json
import re
from typing import Any, NamedTuple

from bson import ObjectId
from django.db.models import Q, QuerySet
from django.http import Http404, QueryDict
from django.utils.functional import cached_property
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ParseError, ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.pagination import replace_query_param
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param
from rest_framework.views import APIView

from catalog.models import ATTRIBUTE_NAME, Category, Product
from catalog.search import Search
from shop.money_fields import MoneyField
from shop.object_ids import ObjectIdField
from shop.pagination import PageNumberPagination
from shop.parsers import StrictJSONParser
from shop.permissions import staff_may

# Inactive products and stock: who may change them has to see them, as in the admin.
SEE_ALL = ("catalog.view_product", "catalog.change_product")


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
    def order_by(self) -> tuple[str, str]:
        sign = "-" if self.descending else ""
        return f"{sign}{self.field}", f"{sign}id"


_PRICE = serializers.DecimalField(max_digits=14, decimal_places=3)
ORDERINGS = {
    "newest": Ordering("created_at", True, serializers.DateTimeField()),
    "price": Ordering("price", False, _PRICE),
    "-price": Ordering("price", True, _PRICE),
    "name": Ordering("sort_name", False, serializers.CharField(allow_blank=True, trim_whitespace=False)),
    "-sales": Ordering("sales", True, serializers.IntegerField(min_value=0, max_value=2**63 - 1)),
}
RELEVANCE = "relevance"
# How many products are counted, reached by page numbers, ranked by relevance and looked at for facets. Each of them
# costs time; whatever is beyond costs none.
COUNTED = 10_000
# Each attribute that is asked for costs the facets another look at the products.
MAX_ATTRIBUTES_ASKED = 10
MAX_VALUES = 50
_ATTRIBUTE_PARAMETER = re.compile(rf"attr_({ATTRIBUTE_NAME})\Z")


class ProductFiltersSerializer(serializers.Serializer):
    """What a query string may ask of products."""

    category = serializers.SlugField(required=False, help_text="A slug; products below it in the tree are included.")
    min_price = MoneyField(required=False)
    max_price = MoneyField(required=False)
    in_stock = serializers.BooleanField(required=False)
    search = serializers.CharField(
        required=False,
        max_length=200,
        allow_blank=True,
        help_text="Words of name, category and description, all of which must match in any of their forms. Of the last "
        "one its beginning will do. Letters and digits count, no other character does.",
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
        "additionalProperties": {"type": "string", "maxLength": 200},
        "maxProperties": MAX_ATTRIBUTES_ASKED,
        "examples": [{"attr_colour": "red"}],
    },
    style="form",
    explode=True,
    description="Products whose attribute has this value, e.g. `attr_colour=red`. Given again for the same attribute, "
    f"one of the values will do: `attr_colour=red&attr_colour=blue`. At most {MAX_ATTRIBUTES_ASKED} attributes with "
    f"{MAX_VALUES} values each.",
)


class ProductFilters:
    """The validated filters of a query string: which products.

    Raises ``ValidationError`` for a parameter that cannot be understood and for a category that does not exist.
    """

    serializer_class = ProductFiltersSerializer

    def __init__(self, parameters: QueryDict) -> None:
        serializer = self.serializer_class(data=parameters.dict())
        serializer.is_valid(raise_exception=True)
        self.data: dict[str, Any] = serializer.validated_data
        self.attributes = self._attributes(parameters)
        self.category = self._category(self.data.get("category"))
        text = self.data.get("search")
        self.search = Search(text) if text else None

    @staticmethod
    def _attributes(parameters: QueryDict) -> dict[str, list[str]]:
        attributes = {}
        for name, values in parameters.lists():
            if not name.startswith("attr_"):
                continue
            match = _ATTRIBUTE_PARAMETER.match(name)
            if match is None or any("\0" in value or len(value) > 200 for value in values):
                raise ValidationError({name: "There is no such attribute."}, code="invalid")
            if len(values) > MAX_VALUES or len(attributes) == MAX_ATTRIBUTES_ASKED:
                limits = f"{MAX_ATTRIBUTES_ASKED} attributes with {MAX_VALUES} values each"
                raise ValidationError({name: f"Ask for at most {limits}."}, code="too_many")
            attributes[match[1]] = values
        return attributes

    @staticmethod
    def _category(slug: str | None) -> ObjectId | None:
        """Return the id of the category with this slug, which costs a look-up."""
        if not slug:
            return None
        category = Category.objects.filter(slug=slug).values_list("pk", flat=True).first()
        if category is None:
            raise ValidationError({"category": f"There is no category {slug!r}."}, code="does_not_exist")
        return category

    @cached_property
    def conditions(self) -> dict[str, Q]:
        """What each filter that was asked for lets through, by the filter's name; the search is none of them."""
        conditions = {}
        if self.category:
            conditions["category"] = Q(category_lineage__contains=[self.category])
        if limits := {name: self.data[name] for name in ("min_price", "max_price") if name in self.data}:
            lookups = {"min_price": "price__gte", "max_price": "price__lte"}
            conditions["price"] = Q(**{lookups[name]: limit for name, limit in limits.items()})
        if "in_stock" in self.data:
            conditions["in_stock"] = Q(in_stock=self.data["in_stock"])
        for name, values in self.attributes.items():
            pairs = [f"{name}={value}" for value in values]
            conditions[f"attr_{name}"] = Q(attribute_pairs__overlap=pairs)
        return conditions

    def filtered(self, *, without: str | None = None) -> QuerySet[Product]:
        """Return the matching active products, unordered; ``without`` names a filter that does not count."""
        conditions = [condition for name, condition in self.conditions.items() if name != without]
        products = Product.objects.active().filter(*conditions)
        return self.search.matching(products) if self.search else products


class ProductQuery(ProductFilters):
    """The validated query string of a product list: which products, in which order."""

    serializer_class = ProductQuerySerializer

    @property
    def ordering(self) -> Ordering | None:
        """None stands for relevance."""
        return ORDERINGS.get(self.data["ordering"])

    def ordered(self) -> QuerySet[Product]:
        """Return the matching products in the order asked for.

        By relevance these are the newest ``COUNTED`` at most: how well a product matches is in no index.
        """
        if self.ordering is not None:
            return self.filtered().order_by(*self.ordering.order_by)
        products = self.filtered()
        newest_first = products.order_by("-created_at", "-id").values_list("created_at", "pk")
        for at, pk in newest_first[COUNTED : COUNTED + 1]:
            products = products.filter(Q(created_at__gt=at) | Q(created_at=at, pk__gt=pk))
        return products.order_by(self.search.relevance().desc(), "-sales", "-id")


class ProductPagination(PageNumberPagination):
    """Pages by number up to row ``COUNTED``, which is also where counting stops; from there ``next`` goes by cursor.

    Skipping and counting cost time for every row they pass, a cursor does not. A cursor holds the ordering's value
    and the id of the row it comes after.
    """

    def paginate_queryset(self, queryset: QuerySet, request: Request, view: APIView | None = None) -> list:
        self.request = request
        self.ordering: Ordering | None = view.product_query.ordering
        self.size = self.get_page_size(request)
        self.cursor = request.query_params.get("cursor")
        self.number = 1 if self.cursor else self._page_number(request)
        counted = view.product_query.filtered()[: COUNTED + 1].count()
        self.count, self.exact = min(counted, COUNTED), counted <= COUNTED
        if self.cursor:
            rows = list(self._after(queryset, self.cursor)[: self.size + 1])
            self.more = len(rows) > self.size
            return self._keep(rows)
        start = (self.number - 1) * self.size
        if self.number > 1 and start >= self.count:
            raise NotFound("Invalid page.")
        end = min(start + self.size, self.count)
        self.more = end < counted
        return self._keep(list(queryset[start:end])) if end > start else []

    def _keep(self, rows: list[Product]) -> list[Product]:
        self.rows = rows[: self.size]
        return self.rows

    def _page_number(self, request: Request) -> int:
        text = request.query_params.get(self.page_query_param, "1")
        if not re.fullmatch(r"[1-9][0-9]{0,9}", text, re.ASCII):
            raise NotFound("Invalid page.")
        return int(text)

    def _after(self, queryset: QuerySet, cursor: str) -> QuerySet:
        if self.ordering is None:
            raise NotFound("Invalid cursor.")
        field, descending, position = self.ordering
        try:
            raw, pk = StrictJSONParser().parse(io.BytesIO(base64.urlsafe_b64decode(cursor)))
            value, row = position.run_validation(raw), ObjectIdField().run_validation(pk)
        except (ValueError, TypeError, ParseError, ValidationError) as error:
            raise NotFound("Invalid cursor.") from error
        beyond = "lt" if descending else "gt"
        return queryset.filter(Q(**{f"{field}__{beyond}": value}) | Q(**{field: value, f"id__{beyond}": row}))

    def _cursor_behind(self, row: Product) -> str:
        position = [getattr(row, self.ordering.field), row.pk]
        return base64.urlsafe_b64encode(json.dumps(position, default=str).encode()).decode()

    def get_next_link(self) -> str | None:
        if not self.more or not self.rows:
            return None
        url = self.request.build_absolute_uri()
        if self.cursor or self.number * self.size >= self.count:
            if self.ordering is None:
                return None
            url = remove_query_param(url, self.page_query_param)
            return replace_query_param(url, "cursor", self._cursor_behind(self.rows[-1]))
        return replace_query_param(url, self.page_query_param, self.number + 1)

    def get_previous_link(self) -> str | None:
        if self.cursor or self.number == 1:
            return None
        url = self.request.build_absolute_uri()
        if self.number == 2:
            return remove_query_param(url, self.page_query_param)
        return replace_query_param(url, self.page_query_param, self.number - 1)

    def get_paginated_response(self, data: list) -> Response:
        return Response(
            {
                "count": self.count,
                "count_exact": self.exact,
                "next": self.get_next_link(),
                "previous": self.get_previous_link(),
                "results": data,
            }
        )

    def get_paginated_response_schema(self, schema: dict) -> dict:
        described = super().get_paginated_response_schema(schema)
        described["properties"]["count_exact"] = {
            "type": "boolean",
            "description": f"False where there are more than {COUNTED} products; `count` then stays at that.",
        }
        return described
