"""Content negotiation: there is JSON, and nearly everybody asks for that or for anything."""

from collections.abc import Sequence
from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class ContentNegotiation(DefaultContentNegotiation):
    """REST framework's, which parses a header only where its answer could be another one."""

    def select_renderer(
        self, request: Request, renderers: Sequence[BaseRenderer], format_suffix: str | None = None
    ) -> Any:
        first = renderers[0]
        meta = request._request.META
        asks_for_it = meta.get("HTTP_ACCEPT", "*/*") in ("*/*", first.media_type)
        if asks_for_it and not format_suffix and self.settings.URL_FORMAT_OVERRIDE not in meta["QUERY_STRING"]:
            return first, first.media_type
        return super().select_renderer(request, renderers, format_suffix)
