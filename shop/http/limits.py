import contextlib
import re
import resource

from django.conf import settings

# Environ key of the error to answer with.
REFUSAL = "shop.refusal"
# Environ key of the `time.monotonic()` at which the request joined a pool's queue.
QUEUED_AT = "shop.queued_at"


def body_limit(media_type: str, *, path: str, images: int) -> int:
    """Return the limit in bytes."""
    if re.match(settings.BULK_PATHS, path):
        return settings.MAX_BULK_BYTES
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if media_type == "multipart/form-data":
        limit += settings.MAX_IMAGE_BYTES * images
    return limit


def raise_open_files_limit() -> None:
    """Allow as many open files as possible, because each connection is one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
