import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from shop.http import request_context
from shop.logs import RequestLine, ms_since

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def route_of(request: HttpRequest) -> str:
    return request.resolver_match.view_name if request.resolver_match else "none"


def method_of(request: HttpRequest) -> str:
    return str(request.method) if request.method in _METHODS else "other"


class RequestLogMiddleware:
    """Keep a well-formed ``X-Request-ID``. Must be the outermost middleware.

    Log the route, not the path, which may contain a token.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        with request_context.bind_context(given if request_context.is_well_formed(given) else "") as request_id:
            response = self.get_response(request)
            RequestLine(
                logger=__name__,
                method=method_of(request),
                route=route_of(request),
                status=response.status_code,
                ms=ms_since(started),
            ).write()
        response.headers["X-Request-ID"] = request_id
        return response
