"""Pictures of products. Files are stored before the transaction, and deleted after it."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from bson import ObjectId

from catalog import read_model
from catalog.errors import UnknownImage
from catalog.models import Product, ProductImage, Variant
from shop import jobs, media
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.db import documents
from shop.db.transactions import transactional
from shop.jobs import Cursor
from shop.media.cleanup import delete_orphans, store_and_record

MEASURED_TOGETHER = 100


def add_image(*, product: Product, image: media.PreparedImage, alt: str = "") -> ProductImage:
    return store_and_record(
        image,
        folder="products",
        record=lambda name: _add_image(product_id=product.pk, name=name, alt=alt, dimensions=image.dimensions),
    )


@transactional("catalog.add_image")
def _add_image(*, product_id: ObjectId, name: str, alt: str, dimensions: tuple[int, int]) -> ProductImage:
    last = ProductImage.objects.filter(product=product_id).order_by("-position").first()
    width, height = dimensions
    position = last.position + 1 if last else 0
    image = ProductImage.objects.create(
        product_id=product_id, name=name, alt=alt, position=position, width=width, height=height
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
    for variant in Variant.objects.filter(product=image.product_id):
        if image.pk in variant.images:
            set_variant_images(variant, [pk for pk in variant.images if pk != image.pk])
    delete_file_later(image.name)
    read_model.refresh(image.product_id)
    staff_log.record(Action.DELETE, image)


def delete_file_later(name: str) -> None:
    """Delete the file after the commit, unless a copy of the product has it."""
    delete_unused_file.enqueue(name=name)


@jobs.job("catalog.delete_image")
def delete_unused_file(*, name: str) -> None:
    if not ProductImage.objects.filter(name=name).exists():
        media.delete_image(name)


def set_variant_images(variant: Variant, images: Sequence[ObjectId]) -> None:
    """Assign images of the product, the variant's first one first. Call it in a transaction, before the refresh, which
    conflicts with a concurrent deletion of an image.

    Raises :class:`UnknownImage`.
    """
    images = list(dict.fromkeys(images))
    if ProductImage.objects.filter(product=variant.product_id, pk__in=images).count() < len(images):
        raise UnknownImage(attr="images")
    variant.images = images
    Variant.objects.filter(pk=variant.pk).update(images=images)


def show_variants(images: Sequence[ProductImage], *, variants: Collection[ObjectId]) -> None:
    """Let images of one product show these of its variants, and no others. Call it in a transaction."""
    ids = [image.pk for image in images]
    for variant in Variant.objects.filter(product=images[0].product_id):
        others = [pk for pk in variant.images if pk not in ids]
        if variant.pk in variants:
            wanted = variant.images if set(ids) <= set(variant.images) else [*others, *ids]
        else:
            wanted = others
        if wanted != variant.images:
            set_variant_images(variant, wanted)


@jobs.every_in_slices(24 * 3600, name="catalog.image_sizes")
def measure_images(cursor: Cursor) -> Cursor:
    """Store the sizes of images that an earlier release has stored."""
    rows = ProductImage.objects.filter(pk__gt=ObjectId(cursor)) if cursor else ProductImage.objects.all()
    images = list(rows.order_by("pk")[:MEASURED_TOGETHER])
    # Copies of a product have its files.
    unknown: defaultdict[str, list[ProductImage]] = defaultdict(list)
    for image in images:
        if image.width is None:
            unknown[image.name].append(image)
    for name, (width, height) in media.dimensions_of(list(unknown)).items():
        for image in unknown[name]:
            _set_dimensions(image, width=width, height=height)
    return str(images[-1].pk) if len(images) == MEASURED_TOGETHER else None


@transactional("catalog.measure_image")
def _set_dimensions(image: ProductImage, *, width: int, height: int) -> None:
    # Its file may have been replaced, or the image deleted.
    if ProductImage.objects.filter(pk=image.pk, name=image.name).update(width=width, height=height):
        read_model.refresh(image.product_id)


@jobs.every_in_slices(24 * 3600, name="catalog.orphan_images")
def delete_orphan_images(cursor: Cursor) -> Cursor:
    return delete_orphans(
        "products",
        cursor,
        in_use=lambda names: ProductImage.objects.filter(name__in=names).values_list("name", flat=True),
    )
