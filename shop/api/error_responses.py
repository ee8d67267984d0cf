import sys
from dataclasses import replace
from typing import Any

import structlog
from django.core.exceptions import ObjectDoesNotExist, RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.views.decorators.csrf import csrf_exempt
from drf_standardized_errors import formatter, handler
from drf_standardized_errors.types import Error
from rest_framework.exceptions import APIException, NotFound, PermissionDenied
from rest_framework.response import Response

from shop.api.errors import DatabaseUnavailable, PayloadTooLarge, ServiceUnavailable, ShopError, is_database_outage
from shop.api.renderers import JSONReply
from shop.http.areas import Area, area_of
from shop.http.circuit import circuit
from shop.logs import describe_error

logger = structlog.get_logger(__name__)

OUTAGE_TITLE = "Temporarily unavailable"


class ExceptionHandler(handler.ExceptionHandler):
    def convert_known_exceptions(self, exc: Exception) -> Exception:
        is_expected = isinstance(exc, APIException) and not isinstance(exc, DatabaseUnavailable)
        if not is_expected and is_database_outage(exc):
            # A ping decides between an outage and a slow request.
            circuit.check_database()
            return DatabaseUnavailable()
        # Raised while a view reads the request.
        if isinstance(exc, RequestDataTooBig):
            return PayloadTooLarge()
        if isinstance(exc, SuspiciousOperation):
            return ShopError("Malformed request.")
        if isinstance(exc, ObjectDoesNotExist):
            # Deleted concurrently.
            return NotFound()
        return super().convert_known_exceptions(exc)

    def report_exception(self, exc: APIException, response: Response) -> None:
        """Log outages in one line."""
        if isinstance(exc, ServiceUnavailable):
            cause = self.exc.__cause__ or self.exc
            logger.warning("dependency_unavailable", code=exc.default_code, error=describe_error(cause))
        else:
            super().report_exception(exc, response)


class ExceptionFormatter(formatter.ExceptionFormatter):
    def get_errors(self) -> list[Error]:
        if isinstance(self.exc, ShopError):
            return [Error(*fault) for fault in self.exc.faults]
        # ``attr`` is null for errors of a whole list or body.
        return [replace(error, attr=_without_marker(error.attr)) for error in super().get_errors()]


def _without_marker(attr: str | None) -> str | None:
    if attr is None or attr == "non_field_errors":
        return None
    return attr.removesuffix(".non_field_errors")


def _body_of(error: APIException) -> Any:
    no_context: Any = {}
    return ExceptionFormatter(error, no_context, error).run()


def errors_of(error: APIException) -> list[dict[str, Any]]:
    """Return the errors as a response lists them."""
    return list(_body_of(error)["errors"])


def error_response(error: APIException) -> HttpResponse:
    """Respond to an error raised outside DRF."""
    data = _body_of(error)
    response = JSONReply(data, status=error.status_code)
    if wait := getattr(error, "wait", None):
        response["Retry-After"] = str(wait)
    return response


def respond_with_error(request: HttpRequest, error: APIException, *, title: str) -> HttpResponse:
    """Respond with ``error``; in the admin with a page that needs no database."""
    response: HttpResponse = error_response(error)
    if area_of(request.path_info) is not Area.ADMIN:
        return response
    try_again = request.method == "GET" and error.status_code >= 500
    page = render_to_string("error_page.html", {"title": title, "detail": str(error), "try_again": try_again})
    headers = {"Retry-After": response["Retry-After"]} if "Retry-After" in response else {}
    return HttpResponse(page, status=error.status_code, headers=headers)


@csrf_exempt
def not_found(request: HttpRequest, *_: Any, **__: Any) -> HttpResponse:
    return respond_with_error(request, NotFound(), title="Page not found")


def redirect_to_docs(request: HttpRequest) -> HttpResponse:
    if request.method in ("GET", "HEAD") and "text/html" in request.headers.get("Accept", ""):
        return redirect("docs")
    return not_found(request)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer requests refused before a view, such as for a foreign Host header."""
    return respond_with_error(request, ShopError("Malformed request."), title="Request failed")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    detail = "This form has expired. Go back, reload the page and submit it again."
    return respond_with_error(request, PermissionDenied(detail), title="Request failed")


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return respond_with_error(request, PermissionDenied(), title="Permission denied")


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer an exception that Django has logged."""
    if is_database_outage(sys.exc_info()[1]):
        return respond_with_error(request, DatabaseUnavailable(), title=OUTAGE_TITLE)
    return respond_with_error(request, APIException("Server Error (500)"), title="Something went wrong")
