"""Background deletion: an outage neither blocks a change nor leaks a file."""

import contextlib
import itertools
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TypeVar

from django.utils import timezone

from shop import jobs, media

R = TypeVar("R")

ORPHAN_AGE = timedelta(hours=1)


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


def delete_orphans(folder: str, *, in_use: Callable[[list[str]], Iterable[str]]) -> int:
    """Return the number of deleted images.

    Skips recent ones, which a request may be about to record.
    """
    old = timezone.now() - ORPHAN_AGE
    names = (name for name, stored_at in media.stored_images(folder) if stored_at < old)
    deleted = 0
    while batch := list(itertools.islice(names, 100)):
        for name in set(batch) - set(in_use(batch)):
            media.delete_image(name)
            deleted += 1
    return deleted


def delete_image_later(name: str | None) -> None:
    """Delete the image, if any, after the commit."""
    if name:
        delete_stored_image.enqueue(name=name)


@jobs.job("shop.delete_image")
def delete_stored_image(*, name: str) -> None:
    media.delete_image(name)
