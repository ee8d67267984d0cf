from collections.abc import Collection as Names
from collections.abc import Sequence

from bson import ObjectId

from catalog.collections import membership
from catalog.collections.images import FOLDER
from catalog.collections.models import Collection
from catalog.models import Product, Variant
from catalog.redirects import Kind, leave_redirect
from catalog.skus import SkuMap
from shop import media
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.db.transactions import transactional
from shop.media.cleanup import delete_image_later, store_and_record

# Added or removed at once, to keep the transaction short.
MOST_ADDED = 500


@transactional("catalog.save_collection")
def save_collection(*, collection: Collection, changed: Names[str]) -> None:
    """Write a new collection, or its changed fields; a former slug redirects to it."""
    if collection._state.adding:
        collection.save(force_insert=True)
        return
    columns = {field.name for field in collection._meta.concrete_fields if not field.primary_key}
    if not (written := columns.intersection(changed)):
        return
    former = Collection.objects.values_list("slug", flat=True).get(pk=collection.pk)
    collection.save(update_fields=written)
    leave_redirect(Kind.COLLECTION, former=former, slug=collection.slug, target=collection.pk)


def set_image(*, collection: Collection, image: media.PreparedImage | None) -> None:
    if image is None:
        _replace_image(collection, "")
    else:
        store_and_record(image, folder=FOLDER, record=lambda name: _replace_image(collection, name))


@transactional("catalog.swap_collection_image")
def _replace_image(collection: Collection, name: str) -> None:
    former = Collection.objects.values_list("image", flat=True).get(pk=collection.pk)
    if former == name:
        return
    Collection.objects.filter(pk=collection.pk).update(image=name)
    delete_image_later(former)
    staff_log.record(Action.CHANGE, collection, fields=["image"])


@transactional("catalog.edit_collection_products")
def change_products(
    *,
    collection: Collection,
    remove: Sequence[ObjectId] = (),
    order: Sequence[ObjectId] | None = None,
    add: Sequence[ObjectId] = (),
) -> None:
    """Remove, then sort, then add at the end. Products that ``order`` does not name follow those it names."""
    if remove:
        membership.remove_products(collection=collection.pk, products=remove)
    if order is not None:
        membership.sort_products(collection=collection, order=order)
    if add:
        membership.add_products(collection=collection, products=add)


def find_products(names: Sequence[str]) -> dict[str, ObjectId | None]:
    """Return the products with these SKUs, slugs or ids; None for one that does not exist."""
    by_sku = SkuMap(Variant.objects.with_skus(names).values_list("sku", "product"))
    by_slug = dict(Product.objects.filter(slug__in=[name.lower() for name in names]).values_list("slug", "pk"))
    ids = [ObjectId(name) for name in names if ObjectId.is_valid(name)]
    known = set(Product.objects.filter(pk__in=ids).values_list("pk", flat=True)) if ids else set()
    by_id = {str(pk): pk for pk in known}
    return {name: by_id.get(name) or by_sku.find(name) or by_slug.get(name.lower()) for name in names}
