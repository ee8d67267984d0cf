from typing import Any

from bson import Decimal128
from django.http import HttpResponse
from rest_framework.exceptions import NotFound

from catalog.listing import replies
from catalog.listing.corrections import CORRECTED_QUERY
from catalog.listing.count import ListCount
from catalog.listing.filters import ProductQuery
from catalog.listing.orderings import Condition
from catalog.listing.parameters import VARIANTS
from catalog.lookup import SEE_ALL
from shop.api import pagination
from shop.api.object_ids import ObjectIdField
from shop.api.permissions import staff_may
from shop.api.renderers import JSONReply
from shop.db.documents import Document, Pipeline
from shop.http.addresses import base_url


class ProductPagination(pagination.ListPagination):
    """Counts and reads a page with one command."""

    source: ProductQuery

    def read(self, *, skip: int, limit: int) -> list[Document]:
        return self._read([{"$skip": skip}, {"$limit": limit}])

    def read_after(self, condition: Condition, *, limit: int) -> list[Document]:
        return self._read([{"$match": condition}, {"$limit": limit}])

    def _read(self, part: Pipeline) -> list[Document]:
        ordering = self.source.ordering
        # Relevance reads at most `MAX_COUNTED` products.
        reads_all = not self.cursor and ordering is not None
        count = ListCount(self.source.match(), at_most=pagination.MAX_COUNTED + 1, reads_all=reads_all)
        # For the next page's cursor.
        position = {"position": [f"${ordering.field}", "$_id"]} if ordering and self.is_last_number else {}
        status = {"is_active": 1} if "status" in self.source.data else {}
        with_variants = self.source.data.get("expand") == VARIANTS
        rows = replies.list_products(
            [*self.source.match_and_sort(), *count.inline_stages, *part],
            source=self.source.source,
            # A cursor scans ranges of the index, which are not in order.
            index=None if self.cursor else self.source.index(),
            base_url=base_url(self.request),
            with_variants=with_variants,
            for_staff=with_variants and staff_may(self.request.user, *SEE_ALL),
            extra_fields={**position, **status, **count.extra_fields},
            last_stages=count.last_stages,
        )
        self.counted = count.read(rows)
        if not self.counted and self.source.correct():
            return self._read(part)
        self._positions = [row.pop("position") for row in rows] if position else []
        return rows

    def after(self, position: Any) -> Condition:
        ordering = self.source.ordering
        if ordering is None:
            raise NotFound("Invalid cursor.")
        raw, pk = position
        value, row = ordering.position.run_validation(raw), ObjectIdField().run_validation(pk)
        return ordering.after(Decimal128(value) if ordering.field == "price" else value, row)

    def position_of(self, rows: list[Document]) -> list[Any] | None:
        return self._positions[len(rows) - 1] if self._positions else None

    def get_paginated_response(self, data: list[Document]) -> HttpResponse:  # type: ignore[override]
        return JSONReply({"corrected_query": self.source.corrected_query, **self.envelope(data)})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        described = super().get_paginated_response_schema(schema)
        described["properties"]["corrected_query"] = {"type": ["string", "null"], "description": CORRECTED_QUERY}
        described["required"] = [*described["properties"]]
        return described
