"""Background deletion: an outage neither blocks a change nor leaks a file."""

import contextlib
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TypeVar

from django.utils import timezone

from shop import jobs, media
from shop.jobs import Cursor, TimeLimit

R = TypeVar("R")

ORPHAN_AGE = timedelta(hours=1)
# Cloudinary's cursors expire.
LONGEST_SEARCH = timedelta(days=1)


def store_and_record(image: media.PreparedImage, *, folder: str, record: Callable[[str], R]) -> R:
    """Return ``record(name)``; delete the image after an error. Raises ``MediaUnavailable``."""
    try:
        name = media.store_image(image, folder=folder)
    except media.MediaUnavailable as error:
        # Possibly stored, with a lost response.
        delete_image_later(error.name)
        raise
    try:
        return record(name)
    except BaseException:
        # If this fails, too, the search for orphans finds the image.
        with contextlib.suppress(Exception):
            delete_image_later(name)
        raise


def delete_orphans(folder: str, cursor: Cursor, *, in_use: Callable[[list[str]], Iterable[str]]) -> Cursor:
    """Enqueue the deletion of images without a row, in slices.

    Skips recent ones, which a request may be about to record.
    """
    limit, now = TimeLimit(), timezone.now()
    if not cursor or datetime.fromisoformat(cursor["begun_at"]) < now - LONGEST_SEARCH:
        cursor = {"begun_at": now.isoformat(), "start": ""}
    next_start = ""
    for page in limit.limit(media.image_pages(folder, start=cursor["start"])):
        old = [name for name, stored_at in page.images if stored_at < now - ORPHAN_AGE]
        for name in set(old) - set(in_use(old)):
            delete_stored_image.enqueue(unless_queued=True, name=name)
        next_start = page.next
    return {**cursor, "start": next_start} if next_start else None


def delete_image_later(name: str | None) -> None:
    """Delete the image, if any, after the commit."""
    if name:
        delete_stored_image.enqueue(name=name)


@jobs.job("shop.delete_image")
def delete_stored_image(*, name: str) -> None:
    media.delete_image(name)
