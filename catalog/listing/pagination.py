import base64
import io
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from bson import Decimal128
from django.http import HttpResponse
from rest_framework.exceptions import NotFound, ParseError, ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

from catalog.listing import filters, replies
from catalog.listing.count import ListCount
from catalog.listing.filters import Condition, ProductQuery
from shop.api.object_ids import ObjectIdField
from shop.api.pagination import PageNumberPagination
from shop.api.parsers import StrictJSONParser
from shop.api.renderers import JSONReply
from shop.db.documents import Document, Pipeline
from shop.http.addresses import base_url


class ProductPagination(PageNumberPagination):
    """Pages by number up to row ``MAX_COUNTED``, then by cursor: the last row's ordering value and id."""

    request: Request

    def paginate_queryset(  # type: ignore[override]
        self, query: ProductQuery, request: Request, view: APIView | None = None
    ) -> list[Document]:
        self.request, self.query, self.ordering = request, query, query.ordering
        self.size = self.get_page_size(request)
        self.cursor = self.parameter(request, "cursor")
        self.number = 1 if self.cursor else self.get_page_number(request)
        return self._page_by_cursor() if self.cursor else self._page_by_number()

    def _page_by_number(self) -> list[Document]:
        start = (self.number - 1) * self.size
        if start >= filters.MAX_COUNTED:
            raise NotFound("Invalid page.")
        self.is_last_number = start + self.size >= filters.MAX_COUNTED
        rows = self._read([{"$skip": start}, {"$limit": min(self.size, filters.MAX_COUNTED - start)}])
        # A cached count may be too high.
        if self.number > 1 and not rows:
            raise NotFound("Invalid page.")
        self.more = bool(rows) and start + len(rows) < self.counted
        return rows

    def _page_by_cursor(self) -> list[Document]:
        self.is_last_number = True
        # One more row detects a next page.
        rows = self._read([{"$match": self._after(self.cursor)}, {"$limit": self.size + 1}])
        self.more = len(rows) > self.size
        return rows[: self.size]

    def _read(self, part: Pipeline) -> list[Document]:
        # Relevance reads at most `MAX_COUNTED` products.
        reads_all = not self.cursor and self.ordering is not None
        count = ListCount(self.query.match(), at_most=filters.MAX_COUNTED + 1, reads_all=reads_all)
        # For the next page's cursor.
        position = {"position": [f"${self.ordering.field}", "$_id"]} if self.ordering and self.is_last_number else {}
        rows = replies.list_products(
            [*self.query.match_and_sort(), *count.inline_stages, *part],
            # A cursor scans ranges of the index, which are not in order.
            index=None if self.cursor else self.query.index(),
            base_url=base_url(self.request),
            extra_fields={**position, **count.extra_fields},
            last_stages=count.last_stages,
        )
        self.counted = count.read(rows)
        self.positions = [row.pop("position") for row in rows] if position else []
        return rows

    def _after(self, cursor: str) -> Condition:
        if self.ordering is None:
            raise NotFound("Invalid cursor.")
        try:
            raw, pk = StrictJSONParser().parse(io.BytesIO(base64.urlsafe_b64decode(cursor)))
            value, row = self.ordering.position.run_validation(raw), ObjectIdField().run_validation(pk)
        except (ValueError, TypeError, ParseError, ValidationError) as error:
            raise NotFound("Invalid cursor.") from error
        return self.ordering.after(Decimal128(value) if self.ordering.field == "price" else value, row)

    def get_next_link(self) -> str | None:
        if not self.more:
            return None
        if not self.is_last_number:
            return self._link(page=self.number + 1)
        if self.ordering is None:
            return None
        position = json.dumps(self.positions[: self.size][-1], default=_as_json)
        return self._link(cursor=base64.urlsafe_b64encode(position.encode()).decode())

    def get_previous_link(self) -> str | None:
        if self.cursor or self.number == 1:
            return None
        return self._link(page=self.number - 1) if self.number > 2 else self._link()

    def _link(self, **place: Any) -> str:
        others = [each for each in self.request.query_params.lists() if each[0] not in ("page", "cursor")]
        query = urlencode(sorted([*others, *place.items()]), doseq=True)
        return f"{base_url(self.request)}{quote(self.request.path)}{query and '?'}{query}"

    def get_paginated_response(self, data: list[Document]) -> HttpResponse:  # type: ignore[override]
        return JSONReply(
            {
                "count": min(self.counted, filters.MAX_COUNTED),
                "count_exact": self.counted <= filters.MAX_COUNTED,
                "next": self.get_next_link(),
                "previous": self.get_previous_link(),
                "results": data,
            }
        )

    def get_paginated_response_schema(self, schema: dict) -> dict:
        described = super().get_paginated_response_schema(schema)
        described["properties"]["count_exact"] = {
            "type": "boolean",
            "description": f"False if there are more than {filters.MAX_COUNTED} products, which is then the `count`.",
        }
        return described


def _as_json(value: Any) -> str:
    # The driver's datetimes are naive UTC.
    return value.replace(tzinfo=UTC).isoformat() if isinstance(value, datetime) else str(value)
