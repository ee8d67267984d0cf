"""Middleware: a deadline for the database, a limit for bodies."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from shop.circuit import circuit
from shop.error_responses import OUTAGE_TITLE, answer, error_response
from shop.errors import DatabaseUnavailable, PayloadTooLarge, ShopError, is_database_outage

GetResponse = Callable[[HttpRequest], HttpResponse]


class DatabaseDeadlineMiddleware:
    """Bound the database work of every request, so that an outage answers 503 in time (see `shop.circuit`)."""

    NEEDS_DATABASE = ("/api/v1/", "/admin/")

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(self.NEEDS_DATABASE):
            return self.get_response(request)
        try:
            with circuit.deadline():
                return self.get_response(request)
        except DatabaseUnavailable as error:
            return answer(request, error, title=OUTAGE_TITLE)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        # REST framework's views answer for themselves; this is for the admin and the plain views.
        if is_database_outage(exception):
            circuit.outage_noticed()
            return answer(request, DatabaseUnavailable(), title=OUTAGE_TITLE)
        if isinstance(exception, ShopError):
            return answer(request, exception, title="That did not work")
        return None


class RequestLimitsMiddleware:
    """Refuse bodies over the limit by their announced length, before a byte of them is parsed.

    A body without a length is empty to WSGI, so nothing passes by not announcing itself.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if request.content_type == "multipart/form-data":
            limit += settings.MAX_IMAGE_BYTES
        try:
            length = int(request.META.get("CONTENT_LENGTH") or 0)
        except ValueError:
            length = 0
        if length > limit and not request.path.startswith("/admin/"):
            return error_response(PayloadTooLarge(f"The request body is larger than {limit} bytes."))
        return self.get_response(request)
