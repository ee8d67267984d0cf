"""Pictures of products. Files are stored before the transaction, and deleted after it."""

from typing import Any

from bson import ObjectId

from catalog import read_model
from catalog.models import Product, ProductImage
from shop import jobs, media
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.db import documents
from shop.db.transactions import transactional
from shop.jobs import Cursor
from shop.media.cleanup import delete_image_later, delete_orphans, store_and_record


def add_image(*, product: Product, image: media.PreparedImage, alt: str = "") -> ProductImage:
    return store_and_record(
        image, folder="products", record=lambda name: _add_image(product_id=product.pk, name=name, alt=alt)
    )


@transactional("catalog.add_image")
def _add_image(*, product_id: ObjectId, name: str, alt: str) -> ProductImage:
    last = ProductImage.objects.filter(product=product_id).order_by("-position").first()
    image = ProductImage.objects.create(
        product_id=product_id, name=name, alt=alt, position=last.position + 1 if last else 0
    )
    read_model.refresh(product_id)
    staff_log.record(Action.ADD, image)
    return image


@transactional("catalog.update_image")
def update_image(*, image: ProductImage, data: dict[str, Any]) -> ProductImage:
    """Update ``alt`` and the zero-based ``position``, which moves the other images."""
    if "alt" in data:
        image.alt = data["alt"]
        ProductImage.objects.filter(pk=image.pk).update(alt=image.alt)
    if "position" in data:
        images = list(ProductImage.objects.filter(product=image.product_id).order_by("position", "id"))
        order = [each.pk for each in images if each.pk != image.pk]
        order.insert(data["position"], image.pk)
        documents.update_rows(ProductImage, {pk: {"position": position} for position, pk in enumerate(order)})
        image.position = order.index(image.pk)
    read_model.refresh(image.product_id)
    staff_log.record(Action.CHANGE, image, fields=data)
    return image


@transactional("catalog.delete_image")
def delete_image(*, image: ProductImage) -> None:
    ProductImage.objects.filter(pk=image.pk).delete()
    delete_image_later(image.name)
    read_model.refresh(image.product_id)
    staff_log.record(Action.DELETE, image)


@jobs.every_in_slices(24 * 3600, name="catalog.orphan_images")
def delete_orphan_images(cursor: Cursor) -> Cursor:
    return delete_orphans(
        "products",
        cursor,
        in_use=lambda names: ProductImage.objects.filter(name__in=names).values_list("name", flat=True),
    )
