import time
from collections.abc import Callable
from typing import Any

from corsheaders import middleware as corsheaders
from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.cache import patch_vary_headers
from django.utils.deprecation import MiddlewareMixin
from rest_framework.exceptions import Throttled

from shop.api.error_responses import OUTAGE_TITLE, respond_with_error
from shop.api.errors import DatabaseUnavailable, PayloadTooLarge, ShopError, is_database_outage
from shop.http.addresses import base_url
from shop.http.areas import Area, area_of
from shop.http.circuit import circuit
from shop.http.limits import QUEUED_AT, REFUSAL, body_limit

GetResponse = Callable[[HttpRequest], HttpResponse]


class DatabaseDeadlineMiddleware:
    """Limit requests' database time; answer 503 during an outage."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if area_of(request.path_info) not in (Area.API, Area.ADMIN):
            return self.get_response(request)
        try:
            queued_at = request.META.get(QUEUED_AT)
            with circuit.request(seconds_waited=time.monotonic() - queued_at if queued_at else 0.0):
                return self.get_response(request)
        except DatabaseUnavailable as error:
            return respond_with_error(request, error, title=OUTAGE_TITLE)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        # DRF's views handle their exceptions.
        if is_database_outage(exception):
            circuit.check_database()
            return respond_with_error(request, DatabaseUnavailable(), title=OUTAGE_TITLE)
        if isinstance(exception, ShopError | Throttled):
            return respond_with_error(request, exception, title="Request failed")
        return None


class CorsMiddleware(corsheaders.CorsMiddleware):
    """Skip requests without an Origin."""

    async_capable = False

    def __call__(self, request: HttpRequest) -> Any:
        if "HTTP_ORIGIN" in request.META:
            return super().__call__(request)
        response: Any = self.get_response(request)
        # Caches must not serve this response to a cross-origin page.
        if self.is_enabled(request) and "Origin" not in response.get("Vary", ""):
            patch_vary_headers(response, ["Origin"])
        return response


class RequestLimitsMiddleware:
    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # base_url() raises for a foreign Host; health checks may use any.
        area = area_of(request.path_info)
        if area is not Area.HEALTH:
            base_url(request)
        if (error := request.META.get(REFUSAL)) is not None:
            return respond_with_error(request, error, title="The request could not be processed")
        refusal = self._refusal(request, images=settings.MAX_IMAGES_AT_ONCE if area is Area.ADMIN else 1)
        return refusal or self.get_response(request)

    def process_view(self, request: HttpRequest, *view: Any) -> HttpResponse | None:
        """Allow several images for staff only: the admin parses forms before it checks the user."""
        refusal = self._refusal(request, images=1)
        return None if refusal is None or request.user.is_staff else refusal

    @staticmethod
    def _refusal(request: HttpRequest, *, images: int) -> HttpResponse | None:
        try:
            length = int(request.META.get("CONTENT_LENGTH") or 0)
        except ValueError:
            return None
        limit = body_limit(request.content_type or "", path=request.path_info, images=images)
        if length <= limit:
            return None
        error = PayloadTooLarge(f"The request body is larger than {limit} bytes.")
        return respond_with_error(request, error, title="Upload too large")


class _AdminOnly(MiddlewareMixin):
    """Skips a middleware outside the admin, except for the CSRF check in its ``process_view``."""

    def __call__(self, request: HttpRequest) -> Any:
        if area_of(request.path_info) is Area.ADMIN:
            return super().__call__(request)
        return self.get_response(request)


class AdminSessionMiddleware(_AdminOnly, SessionMiddleware):
    pass


class AdminCsrfMiddleware(_AdminOnly, CsrfViewMiddleware):
    pass


class AdminAuthenticationMiddleware(_AdminOnly, AuthenticationMiddleware):
    pass


class AdminMessageMiddleware(_AdminOnly, MessageMiddleware):
    pass
