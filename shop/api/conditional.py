"""Conditional GET by ETag."""

import hashlib
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils.http import parse_etags
from rest_framework.request import Request
from rest_framework.views import APIView

_KEPT_HEADERS = ("Cache-Control", "ETag", "Vary")


class ConditionalGetMixin(APIView):
    """Make GETs cacheable: publicly for anonymous users, privately for customers, never for staff, who see more."""

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        if request.method not in ("GET", "HEAD") or response.status_code != 200 or request.user.is_staff:
            return response
        whose = "private" if request.user.is_authenticated else "public"
        response.headers["Cache-Control"] = f"max-age=0, must-revalidate, {whose}"
        response.headers["Vary"] = "Authorization, Origin"
        if getattr(response, "is_rendered", True):
            return _conditional(request, response)
        response.add_post_render_callback(lambda rendered: _conditional(request, rendered))
        return response


def _conditional(request: HttpRequest | Request, response: HttpResponse) -> HttpResponse:
    tag = f'"{hashlib.blake2b(response.content, digest_size=16).hexdigest()}"'
    response.headers["ETag"] = tag
    asked = request.META.get("HTTP_IF_NONE_MATCH")
    # Compressing proxies weaken ETags.
    if asked is None or {each.removeprefix("W/") for each in parse_etags(asked)}.isdisjoint({tag, "*"}):
        return response
    return HttpResponseNotModified(headers={name: response[name] for name in _KEPT_HEADERS})
