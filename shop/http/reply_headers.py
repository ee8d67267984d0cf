"""Security headers for every response, including errors, which django-csp omits in development."""

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.exception import response_for_exception
from django.http import HttpRequest, HttpResponse
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware

from shop.http.areas import Area, area_of

# Hides the HTTP server's name.
SERVER_NAME = "web"

_NOTHING = "default-src 'none'; frame-ancestors 'none'"

# Swagger UI sets styles by script.
_DOCS = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)

# unfold's Alpine compiles expressions in attributes, hence 'unsafe-eval'. Inline scripts stay blocked.
_ADMIN = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:{pictures}; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)

_UNUSED_FEATURES = "accelerometer camera display-capture fullscreen geolocation gyroscope magnetometer microphone"
_UNUSED_FEATURES += " midi payment publickey-credentials-get screen-wake-lock usb xr-spatial-tracking"


def headers_of(area: Area) -> dict[str, str]:
    """Return defaults, which views may override."""
    pictures = f" {settings.CLOUD_DELIVERY_BASE}" if settings.USE_CLOUDINARY else ""
    policies = {Area.DOCS: _DOCS, Area.ADMIN: _ADMIN.format(pictures=pictures)}
    return {
        "Content-Security-Policy": policies.get(area, _NOTHING),
        "Permissions-Policy": ", ".join(f"{feature}=()" for feature in _UNUSED_FEATURES.split()),
        # Storefronts embed images; their API calls use CORS.
        "Cross-Origin-Resource-Policy": "cross-origin" if area is Area.FILES else "same-origin",
        # Most responses are personal.
        "Cache-Control": "no-store",
        "Server": SERVER_NAME,
    }


class ReplyHeadersMiddleware(SecurityMiddleware):
    """Add headers, also to errors of other middleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        super().__init__(get_response)
        self._made: dict[tuple[Area, bool], dict[str, str]] = {}

    def process_request(self, request: HttpRequest) -> HttpResponse | None:  # type: ignore[override]
        try:
            return super().process_request(request)
        except DisallowedHost as error:
            # Raised, it would bypass process_response.
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
