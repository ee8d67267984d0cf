"""What every reply tells the browser, whichever part of the shop it comes from and however the request ended.

Django's own middleware sets ``X-Content-Type-Options``, ``Referrer-Policy``, ``Cross-Origin-Opener-Policy``, HSTS
and ``X-Frame-Options``. (Django 5.2 has no content security policy; django-csp leaves it off error replies in
development, and its nonces and reports have no use here.)
"""

from collections.abc import Callable
from functools import cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import ResponseHeaders

from shop.areas import Area, area_of

_NOTHING = "default-src 'none'; frame-ancestors 'none'"

# Swagger UI: its script comes as a file, its styles are set by that script.
_DOCS = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)

# Alpine, by which unfold's pages move, compiles the expressions in its attributes: hence 'unsafe-eval'. There is no
# inline script, so markup that somebody smuggles into a page runs nothing by a <script> or an event handler.
_ADMIN = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:{pictures}; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)

_UNUSED_FEATURES = "accelerometer camera display-capture fullscreen geolocation gyroscope magnetometer microphone"
_UNUSED_FEATURES += " midi payment publickey-credentials-get screen-wake-lock usb xr-spatial-tracking"


@cache
def headers_of(area: Area) -> ResponseHeaders:
    """Return the headers that a reply of this area has, unless its view has set them."""
    pictures = " https://res.cloudinary.com" if settings.USE_CLOUDINARY else ""
    policies = {Area.DOCS: _DOCS, Area.ADMIN: _ADMIN.format(pictures=pictures)}
    headers = {
        "Content-Security-Policy": policies.get(area, _NOTHING),
        "Permissions-Policy": ", ".join(f"{feature}=()" for feature in _UNUSED_FEATURES.split()),
        # Pictures stand in the pages of storefronts elsewhere; what those fetch from the API goes by CORS.
        "Cross-Origin-Resource-Policy": "cross-origin" if area is Area.FILES else "same-origin",
        # Whatever may be kept by anybody says so in its view; nearly all here is one person's.
        "Cache-Control": "no-store",
    }
    return ResponseHeaders(headers)


class SecurityHeadersMiddleware:
    """Adds what :func:`headers_of` says to whatever comes from within, errors of other middleware included."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        # Django would check and convert the same ones at every reply, one by one.
        response.headers._store = headers_of(area_of(request.path_info))._store | response.headers._store
        return response
