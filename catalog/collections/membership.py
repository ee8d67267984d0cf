from collections.abc import Iterable, Mapping, Sequence

from bson import ObjectId
from django.utils import timezone

from catalog.collections.models import Collection, CollectionItem
from catalog.models import Product
from catalog.redirects import remove_redirects
from shop import jobs
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.changes import record_all
from shop.db import documents
from shop.db.transactions import transactional
from shop.media.cleanup import delete_image_later

# In one transaction.
_CHANGED_TOGETHER = 200


def sync_items(products: Iterable[Product]) -> None:
    """Give products a place in each of their collections, the last one if it is new. Call it in a transaction."""
    added: dict[ObjectId, list[ObjectId]] = {}
    for product in products:
        if gone := [pk for pk in product.placed_in if pk not in product.collections]:
            CollectionItem.objects.filter(product=product.pk, collection__in=gone).delete()
        for pk in product.collections:
            if pk not in product.placed_in:
                added.setdefault(pk, []).append(product.pk)
    for pk, ids in added.items():
        _append(pk, ids)


@transactional("catalog.add_to_collection")
def add_products(*, collection: Collection, products: Sequence[ObjectId]) -> None:
    """Add those that are not in the collection, at its end."""
    known = set(CollectionItem.objects.filter(collection=collection.pk).values_list("product", flat=True))
    new = [pk for pk in dict.fromkeys(products) if pk not in known]
    rows = Product.objects.in_bulk(new)
    now = timezone.now()
    documents.update_rows(
        Product,
        {
            row.pk: {
                "collections": [*row.collections, collection.pk],
                "placed_in": [*row.placed_in, collection.pk],
                "updated_at": now,
            }
            for row in rows.values()
        },
    )
    record_all("product.updated", rows)
    _append(collection.pk, [pk for pk in new if pk in rows])


@transactional("catalog.remove_from_collection")
def remove_products(*, collection: ObjectId, products: Sequence[ObjectId]) -> None:
    rows = Product.objects.filter(pk__in=list(products), collections__contains=[collection])
    now = timezone.now()
    changes = {
        row.pk: {
            "collections": [pk for pk in row.collections if pk != collection],
            "placed_in": [pk for pk in row.placed_in if pk != collection],
            "updated_at": now,
        }
        for row in rows
    }
    documents.update_rows(Product, changes)
    record_all("product.updated", changes)
    CollectionItem.objects.filter(collection=collection, product__in=list(products)).delete()


@transactional("catalog.sort_collection")
def sort_products(*, collection: Collection, order: Sequence[ObjectId]) -> None:
    """Sort as in ``order``; others, which may have been added since it was made, follow."""
    items = list(CollectionItem.objects.filter(collection=collection.pk).order_by("position", "pk"))
    place: Mapping[ObjectId, int] = {pk: number for number, pk in enumerate(dict.fromkeys(order))}
    items.sort(key=lambda item: place.get(item.product_id, len(place)))
    moved = {item.pk: {"position": number} for number, item in enumerate(items) if item.position != number}
    documents.update_rows(CollectionItem, moved)


@transactional("catalog.delete_collection")
def delete_collection(*, collection: Collection) -> None:
    """A job removes it from its products."""
    staff_log.record(Action.DELETE, collection)
    delete_image_later(collection.image)
    remove_redirects(collection.pk)
    Collection.objects.filter(pk=collection.pk).delete()
    empty_deleted_collection.enqueue(at_once=True, collection=str(collection.pk))


@jobs.job("catalog.empty_deleted_collection", in_transaction=True)
def empty_deleted_collection(*, collection: str) -> None:
    pk = ObjectId(collection)
    products = list(
        CollectionItem.objects.filter(collection=pk)
        .order_by("position")
        .values_list("product", flat=True)[:_CHANGED_TOGETHER]
    )
    if products:
        remove_products(collection=pk, products=products)
        raise jobs.Continue(collection=collection)


def _append(collection: ObjectId, products: Sequence[ObjectId]) -> None:
    last = CollectionItem.objects.filter(collection=collection).order_by("-position", "-pk").first()
    start = last.position + 1 if last else 0
    documents.insert(
        *(
            CollectionItem(collection_id=collection, product_id=pk, position=position)
            for position, pk in enumerate(products, start)
        )
    )
