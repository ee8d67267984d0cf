import time
from collections.abc import Callable
from functools import cache

from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter, Histogram

from shop.http.request_log import method_of, route_of

REQUESTS = Counter("shop_requests", "Requests by route, method and status.", ["route", "method", "status"])
SECONDS = Histogram("shop_request_seconds", "Time in Django, without waiting for a thread.", ["route", "method"])

# `labels` takes longer than the observation. The combinations are few.
_requests = cache(REQUESTS.labels)
_seconds = cache(SECONDS.labels)


class RequestMetricsMiddleware:
    """Installed with METRICS_TOKEN. The route is that of the log lines."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        response = self.get_response(request)
        route, method = route_of(request), method_of(request)
        _seconds(route, method).observe(time.perf_counter() - started)
        _requests(route, method, response.status_code).inc()
        return response
