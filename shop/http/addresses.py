"""Base URL for absolute links."""

from django.http import HttpRequest
from rest_framework.request import Request


def base_url(request: Request | HttpRequest) -> str:
    """Return the request's scheme and host."""
    # Cached: get_host() checks ALLOWED_HOSTS each time.
    base = getattr(request, "base_url", None)
    if base is None:
        base = request.base_url = f"{request.scheme}://{request.get_host()}"
    return base
