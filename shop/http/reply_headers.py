"""Security headers for every response, including errors.

Django's middleware adds ``X-Content-Type-Options``, ``Referrer-Policy``, ``Cross-Origin-Opener-Policy``, HSTS and
``X-Frame-Options``. Django 5.2 has no content security policy; django-csp omits it from error responses in development.
"""

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.exception import response_for_exception
from django.http import HttpRequest, HttpResponse
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware

from shop.http.areas import Area, area_of

# Replaces the HTTP server's own name.
SERVER_NAME = "web"

_NOTHING = "default-src 'none'; frame-ancestors 'none'"

# Swagger UI sets styles by script.
_DOCS = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)

# Alpine (used by unfold) compiles expressions in attributes, hence 'unsafe-eval'. Inline scripts stay blocked, so
# injected markup cannot run code by <script> or event handlers.
_ADMIN = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:{pictures}; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)

_UNUSED_FEATURES = "accelerometer camera display-capture fullscreen geolocation gyroscope magnetometer microphone"
_UNUSED_FEATURES += " midi payment publickey-credentials-get screen-wake-lock usb xr-spatial-tracking"


def headers_of(area: Area) -> dict[str, str]:
    """Return the default headers of an area's responses; views may override them."""
    pictures = f" {settings.CLOUD_DELIVERY_BASE}" if settings.USE_CLOUDINARY else ""
    policies = {Area.DOCS: _DOCS, Area.ADMIN: _ADMIN.format(pictures=pictures)}
    return {
        "Content-Security-Policy": policies.get(area, _NOTHING),
        "Permissions-Policy": ", ".join(f"{feature}=()" for feature in _UNUSED_FEATURES.split()),
        # Storefronts elsewhere embed images; their API calls use CORS.
        "Cross-Origin-Resource-Policy": "cross-origin" if area is Area.FILES else "same-origin",
        # Most responses are personal. Cacheable ones override this in their view.
        "Cache-Control": "no-store",
        "Server": SERVER_NAME,
    }


class ReplyHeadersMiddleware(SecurityMiddleware):
    """Redirect to HTTPS as Django does, and add the headers, also to errors of other middleware.

    Headers are the same for all responses of an area, so they are built once.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        super().__init__(get_response)
        self._made: dict[tuple[Area, bool], dict[str, str]] = {}

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        try:
            return super().process_request(request)
        except DisallowedHost as error:
            # Raised further, it would bypass process_response and its headers.
            return response_for_exception(request, error)

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        kind = (area_of(request.path_info), request.is_secure())
        if kind not in self._made:
            self._made[kind] = self._make(request)
        for name, value in self._made[kind].items():
            response.headers.setdefault(name, value)
        bodiless = response.streaming or response.status_code in (204, 304)
        if not bodiless and not response.has_header("Content-Length"):
            response.headers["Content-Length"] = str(len(response.content))
        return response

    def _make(self, request: HttpRequest) -> dict[str, str]:
        reply = HttpResponse(headers=headers_of(area_of(request.path_info)))
        super().process_response(request, reply)
        XFrameOptionsMiddleware(self.get_response).process_response(request, reply)
        del reply["Content-Type"]
        return dict(reply.headers.items())
