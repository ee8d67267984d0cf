from collections.abc import Iterable

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from shop.api.renderers import JSONRenderer

_ACCEPT_JSON = frozenset({"", "*/*", JSONRenderer.media_type, "application/json, text/plain, */*"})


class ContentNegotiation(DefaultContentNegotiation):
    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Do not parse the usual headers of clients: it takes 5 % of a detail's time."""
        first, environ = next(iter(renderers)), request.META
        is_usual = environ.get("HTTP_ACCEPT", "") in _ACCEPT_JSON and "format" not in environ.get("QUERY_STRING", "")
        if is_usual and format_suffix is None and first.media_type == JSONRenderer.media_type:
            return first, first.media_type
        return super().select_renderer(request, renderers, format_suffix)
