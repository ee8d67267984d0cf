"""The one error shape, wherever an error comes from: a view, a middleware or Django itself."""

import sys
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from drf_standardized_errors import formatter, handler
from drf_standardized_errors.types import Error
from rest_framework.exceptions import APIException, NotFound

from shop.errors import DatabaseUnavailable, ShopError, is_database_outage


class ExceptionHandler(handler.ExceptionHandler):
    """drf-standardized-errors' handler, which also knows a database outage when it sees one."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if not isinstance(exc, APIException) and is_database_outage(exc):
            return DatabaseUnavailable()
        return super().convert_known_exceptions(exc)


class ExceptionFormatter(formatter.ExceptionFormatter):
    """drf-standardized-errors' formatter, which lets any :class:`ShopError` name several inputs."""

    def get_errors(self) -> list[Error]:
        if isinstance(self.exc, ShopError):
            return [Error(*fault) for fault in self.exc.faults]
        return super().get_errors()


def error_response(error: APIException) -> JsonResponse:
    """Return ``error`` in the one shape, for answers given outside REST framework's views."""
    data = ExceptionFormatter(error, {}, error).run()
    response = JsonResponse(data, status=error.status_code)
    if wait := getattr(error, "wait", None):
        response["Retry-After"] = str(wait)
    return response


def not_found(request: HttpRequest, *_: Any, **__: Any) -> HttpResponse:
    """Answer every address that no route knows; browsers in the admin get the same short truth."""
    return error_response(NotFound())


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer what Django refuses before a view runs, such as a foreign Host header."""
    return error_response(ShopError("The request could not be understood."))


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer an exception that nothing else caught; it is in the log."""
    if is_database_outage(sys.exc_info()[1]):
        return error_response(DatabaseUnavailable())
    return error_response(APIException("Server Error (500)"))
