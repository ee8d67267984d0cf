"""Addresses of the shop itself, as whoever asks must write them."""

from typing import Any

from django.conf import settings


def base_url(request: Any) -> str:
    """Return scheme and host as the request names them (Django's or REST framework's); without one, ``BASE_URL``."""
    if request is None:
        return getattr(settings, "BASE_URL", "").rstrip("/")
    # get_host() compares with ALLOWED_HOSTS at every call; a list asks a hundred times.
    base = getattr(request, "base_url", None)
    if base is None:
        base = request.base_url = f"{request.scheme}://{request.get_host()}"
    return base
