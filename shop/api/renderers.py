"""JSON rendering by orjson."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
from bson import ObjectId
from django.http import HttpResponse
from django.utils.functional import Promise
from rest_framework.renderers import BaseRenderer

_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS


class JSONRenderer(BaseRenderer):
    """Render times in milliseconds, as MongoDB stores them: a later read returns the same."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        if data is None:
            return b""
        return orjson.dumps(data, default=_as_json, option=_OPTIONS)


class JSONReply(HttpResponse):
    """JSON without the overhead of DRF's ``Response``."""

    def __init__(self, data: Any, *, status: int = 200) -> None:
        super().__init__(JSONRenderer().render(data), status=status, content_type=JSONRenderer.media_type)


def _as_json(value: Any) -> Any:
    if isinstance(value, tuple | set):
        return list(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, ObjectId | Promise):
        return str(value)
    raise TypeError(f"{type(value)} is not JSON")
