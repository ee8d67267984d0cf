"""From a query string to products: filters, search, ordering and pages of the catalogue."""

import base64
import io
import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ParseError, ValidationError
from rest_framework.pagination import replace_query_param
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param
from rest_framework.views import APIView

from catalog.models import ATTRIBUTE_NAME, Category, Product
from shop.money_fields import MoneyField
from shop.mongodb import TextScore
from shop.object_ids import ObjectIdField
from shop.pagination import PageNumberPagination
from shop.parsers import StrictJSONParser


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
    "name": Ordering("name", False, serializers.CharField(allow_blank=True, trim_whitespace=False)),
    "-sales": Ordering("sales", True, serializers.IntegerField(min_value=0, max_value=2**63 - 1)),
}
RELEVANCE = "relevance"
_ATTRIBUTE_PARAMETER = re.compile(rf"attr_({ATTRIBUTE_NAME})\Z")


class ProductQuerySerializer(serializers.Serializer):
    """The query string of a product list."""

    category = serializers.SlugField(required=False, help_text="A slug; products below it in the tree are included.")
    min_price = MoneyField(required=False)
    max_price = MoneyField(required=False)
    in_stock = serializers.BooleanField(required=False)
    search = serializers.CharField(required=False, max_length=200, allow_blank=True)
    ordering = serializers.ChoiceField(choices=[*ORDERINGS, RELEVANCE], required=False, default="newest")

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
        "examples": [{"attr_colour": "red"}],
    },
    style="form",
    explode=True,
    description="Products whose attribute has this value, e.g. `attr_colour=red`.",
)


class ProductQuery:
    """A validated query: which products, in which order.

    Raises ``ValidationError`` for a parameter that cannot be understood and for a category that does not exist.
    """

    def __init__(self, parameters: Mapping[str, str]) -> None:
        serializer = ProductQuerySerializer(data=parameters)
        serializer.is_valid(raise_exception=True)
        self.data: dict[str, Any] = serializer.validated_data
        self.attributes = self._attributes(parameters)

    @staticmethod
    def _attributes(parameters: Mapping[str, str]) -> dict[str, str]:
        attributes = {}
        for name, value in parameters.items():
            if not name.startswith("attr_"):
                continue
            match = _ATTRIBUTE_PARAMETER.match(name)
            if match is None or "\0" in value or len(value) > 200:
                raise ValidationError({name: "There is no such attribute."}, code="invalid")
            attributes[match[1]] = value
        return attributes

    @property
    def ordering(self) -> Ordering | None:
        """None stands for relevance."""
        return ORDERINGS.get(self.data["ordering"])

    def filtered(self) -> QuerySet[Product]:
        """Return the matching active products, unordered. Naming a category costs a look-up of its id."""
        products = Product.objects.active()
        if slug := self.data.get("category"):
            category = Category.objects.filter(slug=slug).values_list("pk", flat=True).first()
            if category is None:
                raise ValidationError({"category": f"There is no category {slug!r}."}, code="does_not_exist")
            products = products.filter(category_lineage__contains=[category])
        if "min_price" in self.data:
            products = products.filter(price__gte=self.data["min_price"])
        if "max_price" in self.data:
            products = products.filter(price__lte=self.data["max_price"])
        if "in_stock" in self.data:
            products = products.filter(in_stock=self.data["in_stock"])
        if self.attributes:
            pairs = [f"{name}={value}" for name, value in self.attributes.items()]
            products = products.filter(attribute_pairs__contains=pairs)
        if search := self.data.get("search"):
            products = products.filter(name__text_search=every_word(search))
        return products

    def ordered(self) -> QuerySet[Product]:
        """Return the matching products in the order asked for."""
        if self.ordering is None:
            return self.filtered().order_by(TextScore().desc(), "-id")
        return self.filtered().order_by(*self.ordering.order_by)


def every_word(search: str) -> str:
    """Return MongoDB's text query for products that match every word (unquoted words would match any of them)."""
    words = search.replace('"', " ").split()
    return words[0].lstrip("-") if len(words) == 1 else " ".join(f'"{word}"' for word in words)


class ProductPagination(PageNumberPagination):
    """Pages by number up to row ``COUNTED``, which is also where counting stops; from there ``next`` goes by cursor.

    Skipping and counting cost time for every row they pass, a cursor does not. A cursor holds the ordering's value
    and the id of the row it comes after.
    """

    COUNTED = 10_000

    def paginate_queryset(self, queryset: QuerySet, request: Request, view: APIView | None = None) -> list:
        self.request = request
        self.ordering: Ordering | None = view.product_query.ordering
        self.size = self.get_page_size(request)
        self.cursor = request.query_params.get("cursor")
        self.number = 1 if self.cursor else self._page_number(request)
        counted = queryset.order_by()[: self.COUNTED + 1].count()
        self.count, self.exact = min(counted, self.COUNTED), counted <= self.COUNTED
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
            "description": f"False where there are more than {self.COUNTED} products; `count` then stays at that.",
        }
        return described
