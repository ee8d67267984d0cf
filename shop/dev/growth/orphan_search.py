"""``python -m shop.dev.growth.orphan_search``: search for unused pictures of products, new ones included."""

from datetime import timedelta

import django

if __name__ == "__main__":
    django.setup()
    from catalog.images import delete_orphan_images
    from shop.media import cleanup

    # The files are new, and their age cannot be set.
    cleanup.ORPHAN_AGE = timedelta(0)
    cursor = delete_orphan_images(None)
    while cursor is not None:
        cursor = delete_orphan_images(cursor)
