from typing import cast

from django.http import HttpRequest
from rest_framework.request import Request


def base_url(request: Request | HttpRequest) -> str:
    """Return the request's scheme and host."""
    # Cached: get_host() checks ALLOWED_HOSTS each time.
    base = getattr(request, "base_url", None)
    if base is None:
        base = f"{request.scheme}://{request.get_host()}"
        vars(request)["base_url"] = base
    return cast("str", base)
