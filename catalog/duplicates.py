"""Copies of products. A copy has the same image files, which are deleted with the last image that has them."""

import secrets

from bson import ObjectId
from django.db.models import F

from catalog import services
from catalog.models import Product, ProductImage, Variant
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.changes import record
from shop.db import documents
from shop.db.transactions import transactional
from shop.jobs.timing import now

_COPIED = tuple(name for name in services.PRODUCT_FIELDS if name not in ("name", "slug", "is_active"))
# Without sale prices, which need a history of prices.
_COPIED_OF_VARIANT = tuple(name for name in services.VARIANT_FIELDS if name not in ("sku", *services.SALE_FIELDS))


@transactional("catalog.duplicate_product")
def duplicate_product(*, product: Product) -> Product:
    """Return a draft with the active variants, without stock and with other SKUs, and the images."""
    # Conflicts with a concurrent deletion of an image, whose file could be deleted before the copy exists.
    if not Product.objects.filter(pk=product.pk).update(stock_flips=F("stock_flips") + 1):
        raise Product.DoesNotExist
    product = Product.objects.get(pk=product.pk)
    name = f"{product.name[:190]} (copy)"
    copy = Product(name=name, slug=services.free_slug(name), is_active=False)
    for field in _COPIED:
        setattr(copy, field, getattr(product, field))
    copy.save(force_insert=True)
    images = _copy_images(product, copy)
    for position, variant in enumerate(Variant.objects.active().filter(product=product).order_by("position", "id")):
        fields = {field: getattr(variant, field) for field in _COPIED_OF_VARIANT}
        sku = f"{variant.sku[:57]}-{secrets.token_hex(3)}".upper()
        assigned = [images[pk] for pk in variant.images if pk in images]
        Variant(product=copy, sku=sku, position=position, images=assigned, **fields).save(force_insert=True)
    services.finalize_products(copy.pk)
    record("product.created", copy.pk)
    staff_log.record(Action.ADD, copy)
    return Product.objects.get(pk=copy.pk)


def _copy_images(product: Product, copy: Product) -> dict[ObjectId, ObjectId]:
    """Return the ids of the copies by those of the originals."""
    originals = list(ProductImage.objects.filter(product=product))
    copies = [
        ProductImage(
            product=copy,
            name=each.name,
            alt=each.alt,
            position=each.position,
            width=each.width,
            height=each.height,
            created_at=now(),
        )
        for each in originals
    ]
    documents.insert(*copies)
    return {original.pk: each.pk for original, each in zip(originals, copies, strict=True)}
