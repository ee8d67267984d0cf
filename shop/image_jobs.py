"""Images and the database in step: what is stored and not recorded, or recorded no more, is deleted by a job.

So the image service being away neither blocks a change nor leaks a file.
"""

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
    """Store an image, then let ``record`` write its name to the database; return what that returns.

    Raises ``MediaUnavailable`` (503), and whatever ``record`` raises; the image is deleted again then.
    """
    try:
        name = media.store_image(image, folder=folder)
    except media.MediaUnavailable as error:
        if error.name:
            # It may have arrived, and only the answer was lost.
            delete_image_later(error.name)
        raise
    try:
        return record(name)
    except BaseException:
        # Should this fail too, the worker's search for orphans finds the image.
        with contextlib.suppress(Exception):
            delete_image_later(name)
        raise


def delete_orphans(folder: str, *, in_use: Callable[[list[str]], Iterable[str]]) -> int:
    """Delete the images in ``folder`` that ``in_use`` does not return of a list of names; return how many.

    Young ones are left alone: their request may be about to record them.
    """
    old = timezone.now() - ORPHAN_AGE
    names = (name for name, stored_at in media.stored_images(folder) if stored_at < old)
    deleted = 0
    while batch := list(itertools.islice(names, 100)):
        for name in set(batch) - set(in_use(batch)):
            media.delete_image(name)
            deleted += 1
    return deleted


def delete_image_later(name: str) -> None:
    """Delete the image and its derived sizes once the running transaction is committed."""
    jobs.enqueue("shop.delete_image", name=name)


@jobs.handler("shop.delete_image")
def _delete_image(*, name: str) -> None:
    media.delete_image(name)
