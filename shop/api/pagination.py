import base64
import io
import json
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from bson import ObjectId
from django.db.models import QuerySet
from rest_framework import pagination
from rest_framework.exceptions import NotFound, ParseError, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from shop.api import query
from shop.api.object_ids import ObjectIdField
from shop.api.parsers import StrictJSONParser
from shop.http.addresses import base_url

# Maximum number of rows that a list counts or skips.
MAX_COUNTED = 10_000
# Longer numbers are slow to convert.
_MAX_DIGITS = 10


class ListPagination(pagination.PageNumberPagination):
    """Pages by number up to row ``MAX_COUNTED``, then by cursor: the position of the last row in the list's order.

    Subclasses read the rows.
    """

    page_size = 20
    page_size_query_param = "page_size"
    max_page_size = 100
    # "last" would cost a count.
    last_page_strings = ()

    request: Request
    # Set by `read`, at most `MAX_COUNTED + 1`.
    counted: int

    def read(self, *, skip: int, limit: int) -> list[Any]:
        """Read rows by number, and set ``counted``."""
        raise NotImplementedError

    def read_after(self, condition: Any, *, limit: int) -> list[Any]:
        """Read rows that match the result of :meth:`after`, and set ``counted``."""
        raise NotImplementedError

    def after(self, position: Any) -> Any:
        """Return the condition of later rows.

        Raises ``NotFound``, ``ValidationError``, ``TypeError``, ``ValueError``.
        """
        raise NotImplementedError

    def position_of(self, rows: list[Any]) -> list[Any] | None:
        """Return the position of the last row; None if the list has no cursors."""
        raise NotImplementedError

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any]:
        self.request, self.source = request, queryset
        self.size = self.get_page_size(request)
        self.cursor = self.parameter(request, "cursor")
        self.number = 1 if self.cursor else self.get_page_number(request)
        return self._page_by_cursor() if self.cursor else self._page_by_number()

    def _page_by_number(self) -> list[Any]:
        start = (self.number - 1) * self.size
        if start >= MAX_COUNTED:
            raise NotFound("Invalid page.")
        self.is_last_number = start + self.size >= MAX_COUNTED
        rows = self.read(skip=start, limit=min(self.size, MAX_COUNTED - start))
        # A cached count may be too high.
        if self.number > 1 and not rows:
            raise NotFound("Invalid page.")
        more = bool(rows) and start + len(rows) < self.counted
        self._position = self.position_of(rows) if more and self.is_last_number else None
        self._more = more
        return rows

    def _page_by_cursor(self) -> list[Any]:
        self.is_last_number = True
        try:
            position = StrictJSONParser().parse(io.BytesIO(base64.urlsafe_b64decode(self.cursor)))
            condition = self.after(position)
        except (ValueError, TypeError, ParseError, ValidationError) as error:
            raise NotFound("Invalid cursor.") from error
        # One more row detects a next page.
        rows = self.read_after(condition, limit=self.size + 1)
        self._more = len(rows) > self.size
        rows = rows[: self.size]
        self._position = self.position_of(rows) if self._more else None
        return rows

    def get_next_link(self) -> str | None:
        if not self._more:
            return None
        if not self.is_last_number:
            return self._link(page=self.number + 1)
        if self._position is None:
            return None
        position = json.dumps(self._position, default=_as_json)
        return self._link(cursor=base64.urlsafe_b64encode(position.encode()).decode())

    def get_previous_link(self) -> str | None:
        if self.cursor or self.number == 1:
            return None
        return self._link(page=self.number - 1) if self.number > 2 else self._link()

    def _link(self, **place: Any) -> str:
        others = [each for each in self.request.query_params.lists() if each[0] not in ("page", "cursor")]
        parameters = urlencode(sorted([*others, *place.items()]), doseq=True)
        return f"{base_url(self.request)}{quote(self.request.path)}{parameters and '?'}{parameters}"

    def envelope(self, results: list[Any]) -> dict[str, Any]:
        return {
            "count": min(self.counted, MAX_COUNTED),
            "count_exact": self.counted <= MAX_COUNTED,
            "next": self.get_next_link(),
            "previous": self.get_previous_link(),
            "results": results,
        }

    def get_paginated_response(self, data: list[Any]) -> Response:
        return Response(self.envelope(data))

    def get_page_number(self, request: Request, paginator: Any = None) -> int:
        """Return the page number. Raises ``NotFound``."""
        text = self.parameter(request, self.page_query_param)
        if text and (len(text) > _MAX_DIGITS or not re.fullmatch(r"[1-9][0-9]*", text, re.ASCII)):
            raise NotFound("Invalid page.")
        return int(text or 1)

    def get_page_size(self, request: Request) -> int:
        """Return the capped page size. Raises ``ValidationError``."""
        text = self.parameter(request, self.page_size_query_param)
        if not text:
            return self.page_size
        if not re.fullmatch(r"[1-9][0-9]*", text, re.ASCII):
            raise ValidationError({self.page_size_query_param: "Must be a whole number of at least 1."}, code="invalid")
        return self.max_page_size if len(text) > _MAX_DIGITS else min(int(text), self.max_page_size)

    @staticmethod
    def parameter(request: Request, name: str) -> str:
        """Return the last non-blank value, or ""."""
        values = [value for value in request.query_params.getlist(name) if value and not value.isspace()]
        return values[-1] if values else ""

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        described = super().get_schema_operation_parameters(view)
        for parameter in described:
            parameter["schema"] = {"type": "integer", "minimum": 1}
            if parameter["name"] == self.page_size_query_param:
                parameter["schema"]["default"] = self.page_size
                parameter["description"] = f"More than {self.max_page_size} counts as {self.max_page_size}."
            else:
                parameter["description"] = f"Pages end at row {MAX_COUNTED:,}; `next` goes on."
        described.append(
            {
                "name": "cursor",
                "required": False,
                "in": "query",
                "description": f"From `next`; replaces `{self.page_query_param}`.",
                "schema": {"type": "string"},
            }
        )
        return described

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        described = super().get_paginated_response_schema(schema)
        # DRF describes it as OpenAPI 3.0.
        for name in ("next", "previous"):
            text = f"Address of the {name} page, or null."
            described["properties"][name] = {"type": ["string", "null"], "format": "uri", "description": text}
        described["properties"]["count"]["description"] = "Number of rows in all pages."
        described["properties"]["results"]["description"] = "The rows of this page."
        described["properties"]["count_exact"] = {
            "type": "boolean",
            "description": f"False if there are more than {MAX_COUNTED:,} rows; `count` is then {MAX_COUNTED:,}.",
        }
        described["required"] = [*described["properties"]]
        return described


class NewestFirstPagination(ListPagination):
    """Pages of a queryset, by descending primary key, which is an ``ObjectId``."""

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any]:
        for name, _ in query.non_blank_parameters(request.query_params):
            query.refuse_unknown_filter(name)
        return super().paginate_queryset(queryset, request, view)

    def read(self, *, skip: int, limit: int) -> list[Any]:
        rows = self.select(skip=skip, limit=limit)
        is_end = len(rows) < limit
        self.counted = skip + len(rows) if is_end else self.count(at_most=MAX_COUNTED + 1)
        return rows

    def read_after(self, condition: ObjectId, *, limit: int) -> list[Any]:
        self.counted = self.count(at_most=MAX_COUNTED + 1)
        return self.select(before=condition, limit=limit)

    def select(self, *, before: ObjectId | None = None, skip: int = 0, limit: int) -> list[Any]:
        rows: QuerySet = self.source if before is None else self.source.filter(pk__lt=before)
        return list(rows.order_by("-pk")[skip : skip + limit])

    def count(self, *, at_most: int) -> int:
        # In order, to count keys of the index that the page uses.
        return self.source.order_by("-pk")[:at_most].count()

    def after(self, position: Any) -> ObjectId:
        (pk,) = position
        return ObjectIdField().run_validation(pk)

    def position_of(self, rows: list[Any]) -> list[Any]:
        return [rows[-1].pk]


def _as_json(value: Any) -> str:
    # The driver's datetimes are naive UTC.
    return value.replace(tzinfo=UTC).isoformat() if isinstance(value, datetime) else str(value)
