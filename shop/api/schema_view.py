from functools import cache
from typing import Any

import orjson
from django.http import HttpResponse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request


class SchemaView(SpectacularAPIView):
    """The OpenAPI description."""

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        renderer = request.accepted_renderer
        return HttpResponse(
            _description(type(renderer)),  # type: ignore[arg-type]
            content_type=f"{renderer.media_type}; charset=utf-8",
            headers={"Content-Disposition": f'inline; filename="Shop.{renderer.format}"'},
        )


@cache
def _description(renderer: Any) -> Any:
    """Cached, because rendering is slow and the endpoint public."""
    described = SchemaGenerator().get_schema(request=None, public=True)
    if "json" in renderer.media_type:
        # Without indentation, which is half of its size.
        return orjson.dumps(described)
    return renderer().render(described, renderer_context={})
