"""Conditional GET by ETag."""

import hashlib
from typing import Any

from django.conf import settings
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
        response.headers["Cache-Control"] = _lifetime(is_anonymous=not request.user.is_authenticated)
        response.headers["Vary"] = "Authorization, Origin"
        if getattr(response, "is_rendered", True):
            return _conditional(request, response)
        response.add_post_render_callback(lambda rendered: _conditional(request, rendered))
        return response


def _lifetime(*, is_anonymous: bool) -> str:
    if not is_anonymous:
        return "max-age=0, must-revalidate, private"
    if not (seconds := settings.CATALOG_CACHE_SECONDS):
        return "max-age=0, must-revalidate, public"
    # Shared caches only: browsers ask again, and are answered by the ETag.
    return f"public, max-age=0, s-maxage={seconds}, stale-while-revalidate={seconds}"


def _conditional(request: HttpRequest | Request, response: HttpResponse) -> HttpResponse:
    tag = f'"{hashlib.blake2b(response.content, digest_size=16).hexdigest()}"'
    response.headers["ETag"] = tag
    asked = request.META.get("HTTP_IF_NONE_MATCH")
    # Compressing proxies weaken ETags.
    if asked is None or {each.removeprefix("W/") for each in parse_etags(asked)}.isdisjoint({tag, "*"}):
        return response
    return HttpResponseNotModified(headers={name: response[name] for name in _KEPT_HEADERS})
