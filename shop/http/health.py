import pymongo
from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe
from pymongo.errors import PyMongoError

from shop.db.schema_state import is_migrated
from shop.http.circuit import primary_answers

READY_WITHIN_SECONDS = 2.0


@require_safe
def livez(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Check that the primary answers and is migrated."""
    reason = "" if primary_answers(READY_WITHIN_SECONDS) else "database unavailable"
    try:
        with pymongo.timeout(READY_WITHIN_SECONDS):
            if not reason and not is_migrated():
                reason = "migrations not applied"
    except (DatabaseError, PyMongoError):
        reason = "database unavailable"
    if not reason:
        return JsonResponse({"status": "ok"})
    response = JsonResponse({"status": reason}, status=503)
    response["Retry-After"] = "2"
    return response
