import re
from typing import Any

from rest_framework import pagination
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request

from shop.api import query

# Longer numbers are slow to convert.
_MAX_DIGITS = 10


class PageNumberPagination(pagination.PageNumberPagination):
    page_size = 20
    page_size_query_param = "page_size"
    max_page_size = 100
    # "last" would cost a count.
    last_page_strings = ()

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        for name, _ in query.non_blank_parameters(request.query_params):
            query.refuse_unknown_filter(name)
        return super().paginate_queryset(queryset, request, view)

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
        return described

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        described = super().get_paginated_response_schema(schema)
        # DRF describes it as OpenAPI 3.0.
        for name in ("next", "previous"):
            described["properties"][name] = {"type": ["string", "null"], "format": "uri"}
        return described
