"""Cloudinary storage.

The account is read from settings, not the SDK's global configuration.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import cloudinary.api
import cloudinary.uploader
import structlog
import urllib3
from cloudinary.exceptions import AuthorizationRequired
from cloudinary_storage.storage import MediaCloudinaryStorage
from django.conf import settings
from django.core.files.base import File
from django.utils.deconstruct import deconstructible

from shop.logs import describe_error
from shop.media import PAGE_SIZE, ImagePage, MediaUnavailable
from shop.media.urls import stem, urls_of

logger = structlog.get_logger(__name__)

CONNECT_SECONDS = 2.0
# Cloudinary's limit.
MOST_BY_ID = 100
# Limits the threads of abandoned calls.
_slots = threading.BoundedSemaphore(16)


@deconstructible(path="shop.media.storage.CloudinaryStorage")
class CloudinaryStorage(MediaCloudinaryStorage):
    """Names are public ids. The shop uses only these methods, which take at most `CLOUD_TIMEOUT` seconds."""

    def _save(self, name: str, content: File) -> str:
        public_id = _with_prefix(stem(name))
        content.seek(0)
        data = content.read()
        # Our public id without overwriting makes retries idempotent.
        options = {"public_id": public_id, "overwrite": False, "resource_type": self.RESOURCE_TYPE, "tags": self.TAG}
        try:
            answer = _call(cloudinary.uploader.upload, data, attempts=2, **options)
            if answer["public_id"] != public_id:
                raise MediaUnavailable(f"Cloudinary stored {public_id} as {answer['public_id']}.")
        except (MediaUnavailable, KeyError, TypeError) as error:
            raise MediaUnavailable("The image could not be stored.", name=public_id) from error
        return public_id

    def delete(self, name: str) -> bool:
        """Return whether the asset existed."""
        answer = _call(cloudinary.uploader.destroy, name, attempts=2, invalidate=True, resource_type=self.RESOURCE_TYPE)
        result = answer.get("result") if isinstance(answer, dict) else None
        if result not in ("ok", "not found"):
            raise MediaUnavailable(f"Cloudinary answered {result!r} to the removal of {name}.")
        return result == "ok"

    def image_pages(self, folder: str, *, start: str) -> Iterator[ImagePage]:
        """Names are public ids, times those of the upload."""
        # A repeated cursor would loop forever.
        seen = {start}
        while True:
            page = self._image_page(folder, start=start)
            if page.next and page.next in seen:
                raise _no_list()
            yield page
            if not page.next:
                return
            start = page.next
            seen.add(start)

    def dimensions_of(self, names: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Return width and height of those that exist."""
        found: dict[str, tuple[int, int]] = {}
        for at in range(0, len(names), MOST_BY_ID):
            ids = list(names[at : at + MOST_BY_ID])
            page = _call(cloudinary.api.resources_by_ids, ids, resource_type=self.RESOURCE_TYPE, max_results=MOST_BY_ID)
            try:
                found |= {each["public_id"]: (int(each["width"]), int(each["height"])) for each in page["resources"]}
            except (KeyError, TypeError, ValueError) as error:
                raise _no_list() from error
        return found

    def _image_page(self, folder: str, *, start: str) -> ImagePage:
        cursor: dict[str, Any] = {"next_cursor": start} if start else {}
        page = _call(
            cloudinary.api.resources,
            type="upload",
            resource_type=self.RESOURCE_TYPE,
            prefix=_with_prefix(f"{folder}/"),
            max_results=PAGE_SIZE,
            **cursor,
        )
        try:
            found = [(each["public_id"], datetime.fromisoformat(each["created_at"])) for each in page["resources"]]
            next_cursor = page.get("next_cursor") or ""
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise _no_list() from error
        if not all(isinstance(each, str) for each in [*(name for name, _ in found), next_cursor]):
            raise _no_list()
        return ImagePage(found, next_cursor)

    def url(self, name: str) -> str:
        return urls_of("original")(name) or ""


def _no_list() -> MediaUnavailable:
    return MediaUnavailable("Cloudinary answered no list of images.")


def _with_prefix(name: str) -> str:
    # The base class would use MEDIA_URL, for local files.
    return settings.CLOUDINARY_STORAGE["PREFIX"].lstrip("/") + name


def _call(function: Callable[..., Any], *args: Any, attempts: int = 1, **options: Any) -> Any:
    """Retry lost responses up to `attempts` times."""
    options |= {
        "cloud_name": settings.CLOUD_NAME,
        "api_key": settings.CLOUD_API_KEY,
        "api_secret": settings.CLOUD_API_SECRET,
        "upload_prefix": settings.CLOUD_API_BASE.rstrip("/"),
        # The SDK's global timeout does not apply to uploads.
        "timeout": urllib3.Timeout(connect=CONNECT_SECONDS, read=settings.CLOUD_TIMEOUT),
    }

    def attempt_all() -> Any:
        started = time.monotonic()
        for attempt in range(1, attempts + 1):
            try:
                return function(*args, **options)
            except Exception as error:
                # The SDK keeps transport errors only as context.
                lost = isinstance(error.__context__, (urllib3.exceptions.HTTPError, OSError))
                if not lost or attempt == attempts or time.monotonic() - started > settings.CLOUD_TIMEOUT / 2:
                    raise

    return _within_deadline(attempt_all)


def _within_deadline(function: Callable[[], Any]) -> Any:
    """Abandon the thread after the deadline: socket timeouts do not bound name resolution or slow bodies.

    Raises `MediaUnavailable`.
    """
    deadline = time.monotonic() + settings.CLOUD_TIMEOUT
    outcome: dict[str, Any] = {}

    def run() -> None:
        try:
            outcome["result"] = function()
        except Exception as error:
            outcome["error"] = error
        finally:
            _slots.release()

    if not _slots.acquire(timeout=settings.CLOUD_TIMEOUT):
        raise MediaUnavailable("Too many image requests are waiting for Cloudinary.")
    thread = threading.Thread(target=run, name="cloudinary", daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        _slots.release()
        raise MediaUnavailable() from error
    thread.join(max(0.0, deadline - time.monotonic()))
    if "result" in outcome:
        return outcome["result"]
    failure = outcome.get("error")
    if isinstance(failure, AuthorizationRequired):
        logger.error("cloudinary_account_refused", error=describe_error(failure))
    else:
        logger.warning("cloudinary_failed", error=describe_error(failure) if failure else "no answer in time")
    raise MediaUnavailable() from failure
