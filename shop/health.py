"""Liveness and readiness, for load balancers and orchestrators."""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from shop.circuit import primary_answers

READY_WITHIN_SECONDS = 2.0


@require_safe
def livez(request: HttpRequest) -> JsonResponse:
    """200 while the process serves, whatever else is broken."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when the database's primary answers, 503 otherwise."""
    if primary_answers(READY_WITHIN_SECONDS):
        return JsonResponse({"status": "ok"})
    response = JsonResponse({"status": "database unavailable"}, status=503)
    response["Retry-After"] = "2"
    return response
