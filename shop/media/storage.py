"""Cloudinary storage.

The account is read from settings, not the SDK's global configuration.
"""

import posixpath
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import cloudinary.api
import cloudinary.uploader
import requests
import structlog
import urllib3
from cloudinary.exceptions import AuthorizationRequired, NotFound
from cloudinary_storage.storage import MediaCloudinaryStorage
from django.conf import settings
from django.core.files.base import ContentFile, File
from django.utils.deconstruct import deconstructible

from shop.logs import describe_error
from shop.media import MediaUnavailable
from shop.media.urls import relative_url

logger = structlog.get_logger(__name__)

CONNECT_SECONDS = 2.0
# Limits the threads of abandoned calls.
_slots = threading.BoundedSemaphore(16)


@deconstructible(path="shop.media.storage.CloudinaryStorage")
class CloudinaryStorage(MediaCloudinaryStorage):
    """Names are public ids. Calls take at most `settings.CLOUD_TIMEOUT` seconds; `url` makes none."""

    def _save(self, name: str, content: File) -> str:
        folder, file = posixpath.split(_with_prefix(name))
        public_id = posixpath.join(folder, file.partition(".")[0])
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

    def exists(self, name: str) -> bool:
        return self.size(name) is not None

    def size(self, name: str) -> int | None:
        """Return the original's size in bytes, or None. Not from its URL, which may serve a derived image."""
        try:
            answer = _call(cloudinary.api.resource, name, resource_type=self.RESOURCE_TYPE)
        except MediaUnavailable as error:
            if isinstance(error.__cause__, NotFound):
                return None
            raise
        size = answer.get("bytes") if isinstance(answer, dict) else None
        if type(size) is not int or size < 0:
            raise MediaUnavailable(f"Cloudinary answered no size of {name}.")
        return size

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        start = len(_folder(path))
        tails = [name[start:] for name, _ in self.list_images(path)]
        return sorted({tail.split("/")[0] for tail in tails if "/" in tail}), [
            tail for tail in tails if "/" not in tail
        ]

    def list_images(self, folder: str) -> Iterator[tuple[str, datetime]]:
        """Yield `(public id, upload time)`, 500 per call."""
        cursor: dict[str, Any] = {}
        seen: set[str] = set()
        while True:
            page = _call(
                cloudinary.api.resources,
                type="upload",
                resource_type=self.RESOURCE_TYPE,
                prefix=_folder(folder),
                max_results=500,
                **cursor,
            )
            try:
                found = [(each["public_id"], datetime.fromisoformat(each["created_at"])) for each in page["resources"]]
                next_cursor = page.get("next_cursor") or ""
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise MediaUnavailable("Cloudinary answered no list of images.") from error
            names = [name for name, _ in found]
            if not all(isinstance(each, str) for each in [*names, next_cursor]) or next_cursor in seen:
                raise MediaUnavailable("Cloudinary answered no list of images.")
            yield from found
            if not next_cursor:
                return
            # A repeated cursor would loop forever.
            seen.add(next_cursor)
            cursor = {"next_cursor": next_cursor}

    def _open(self, name: str, mode: str = "rb") -> ContentFile:
        response = _within_deadline(lambda: requests.get(self.url(name), timeout=(CONNECT_SECONDS, _timeout())))
        if response.status_code == 404:
            raise FileNotFoundError(name)
        if response.status_code != 200:
            raise MediaUnavailable(f"The image could not be read ({response.status_code}).")
        return ContentFile(response.content, name=name)

    def url(self, name: str) -> str:
        return relative_url(name)


def _with_prefix(name: str) -> str:
    # The base class would use MEDIA_URL, for local files.
    prefix = getattr(settings, "CLOUDINARY_STORAGE", {}).get("PREFIX", "").strip("/")
    name = name.replace("\\", "/")
    return f"{prefix}/{name}" if prefix and not name.startswith(f"{prefix}/") else name


def _folder(path: str) -> str:
    path = _with_prefix(path)
    return path if path.endswith("/") or not path else f"{path}/"


def _timeout() -> float:
    return getattr(settings, "CLOUD_TIMEOUT", 7.0)


def _call(function: Callable[..., Any], *args: Any, attempts: int = 1, **options: Any) -> Any:
    """Retry lost responses up to `attempts` times."""
    options |= {
        "cloud_name": settings.CLOUD_NAME,
        "api_key": settings.CLOUD_API_KEY,
        "api_secret": settings.CLOUD_API_SECRET,
        "upload_prefix": (getattr(settings, "CLOUD_API_BASE", "") or "https://api.cloudinary.com").rstrip("/"),
        # The SDK's global timeout does not apply to uploads.
        "timeout": urllib3.Timeout(connect=CONNECT_SECONDS, read=_timeout()),
    }

    def attempt_all() -> Any:
        started = time.monotonic()
        for attempt in range(1, attempts + 1):
            try:
                return function(*args, **options)
            except Exception as error:
                # The SDK keeps transport errors only as context.
                lost = isinstance(error.__context__, (urllib3.exceptions.HTTPError, OSError))
                if not lost or attempt == attempts or time.monotonic() - started > _timeout() / 2:
                    raise

    return _within_deadline(attempt_all)


def _within_deadline(function: Callable[[], Any]) -> Any:
    """Abandon the thread after the deadline: socket timeouts do not bound name resolution or slow bodies.

    Raises `MediaUnavailable`.
    """
    deadline = time.monotonic() + _timeout()
    outcome: dict[str, Any] = {}

    def run() -> None:
        try:
            outcome["result"] = function()
        except Exception as error:
            outcome["error"] = error
        finally:
            _slots.release()

    if not _slots.acquire(timeout=_timeout()):
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
    elif not isinstance(failure, NotFound):
        logger.warning("cloudinary_failed", error=describe_error(failure) if failure else "no answer in time")
    raise MediaUnavailable() from failure
