"""Base URL for absolute links."""

from typing import Any

from django.conf import settings


def base_url(request: Any) -> str:
    """Return the request's scheme and host, else ``BASE_URL``."""
    if request is None:
        return getattr(settings, "BASE_URL", "").rstrip("/")
    # Cached: get_host() checks ALLOWED_HOSTS each time.
    base = getattr(request, "base_url", None)
    if base is None:
        base = request.base_url = f"{request.scheme}://{request.get_host()}"
    return base
