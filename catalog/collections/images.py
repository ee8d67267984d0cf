from catalog.collections.models import Collection
from shop import jobs
from shop.jobs import Cursor
from shop.media.cleanup import delete_orphans

FOLDER = "collections"


@jobs.every_in_slices(24 * 3600, name="catalog.orphan_collection_images")
def delete_orphan_images(cursor: Cursor) -> Cursor:
    return delete_orphans(
        FOLDER,
        cursor,
        in_use=lambda names: Collection.objects.filter(image__in=names).values_list("image", flat=True),
    )
