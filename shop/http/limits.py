"""Limits of the HTTP server: sizes of request bodies, open connections."""

import contextlib
import resource

from django.conf import settings

# WSGI environ key for an error with which the request must be answered.
REFUSAL = "shop.refusal"


def body_limit(media_type: str, *, images: int) -> int:
    """Return the maximum bytes of a body; multipart forms may contain ``images`` images."""
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if media_type == "multipart/form-data":
        limit += settings.MAX_IMAGE_BYTES * images
    return limit


def raise_open_files_limit() -> None:
    """Raise the soft limit of open files, and so of connections, to the hard limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
