"""Limits of the HTTP server: sizes of request bodies, open connections."""

import contextlib
import resource

from django.conf import settings

# The key of WSGI's environ under which the server leaves the error that a request is to be answered with.
REFUSAL = "shop.refusal"


def body_limit(media_type: str, *, images: int) -> int:
    """Return how many bytes a request body of this type may have, with so many images if it is a multipart form."""
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if media_type == "multipart/form-data":
        limit += settings.MAX_IMAGE_BYTES * images
    return limit


def raise_open_files_limit() -> None:
    """Allow this process as many open files, and so connections, as the system permits it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
