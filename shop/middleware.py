"""Middleware: a deadline for the database, a limit for bodies."""

from collections.abc import Callable

import pymongo
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from shop.error_responses import error_response
from shop.errors import DatabaseUnavailable, PayloadTooLarge, is_database_outage

GetResponse = Callable[[HttpRequest], HttpResponse]


class DatabaseDeadlineMiddleware:
    """Give all the database work of one request ``REQUEST_DATABASE_SECONDS`` together; past it the answer is 503.

    Without it a frozen server would hold a request for as long as the operating system keeps the connection.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with pymongo.timeout(settings.REQUEST_DATABASE_SECONDS):
            return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        # REST framework's views answer for themselves; this is for the admin and the plain views.
        if is_database_outage(exception):
            return error_response(DatabaseUnavailable())
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
