import secrets
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from bson import ObjectId
from django.db import IntegrityError
from django.db.models import F, Q
from django.utils.text import slugify

from catalog import images, read_model, stock
from catalog.availability import StockPolicy
from catalog.errors import (
    CompareAtPriceTooLow,
    DuplicateOptions,
    SaleInvalid,
    SkuTaken,
    SlugTaken,
    StockBelowZero,
    VariantRequired,
)
from catalog.models import Product, ProductImage, StockMovement, Variant
from catalog.redirects import Kind, leave_redirect, remove_redirects
from catalog.sales import PricePlan
from catalog.skus import SkuMap
from catalog.slugs import is_reserved
from catalog.text import in_ascii
from shop import jobs
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.changes import record
from shop.db import identifiers
from shop.db.mongodb import violated_fields
from shop.db.transactions import transactional
from shop.http import request_context
from shop.http.request_context import Staff
from shop.jobs.timing import now

# Fields that staff edit; the others are the read model.
PRODUCT_FIELDS = tuple(
    field.name for field in Product._meta.concrete_fields if field.editable and not field.primary_key
)
SALE_FIELDS = ("sale_price", "sale_starts_at", "sale_ends_at")
VARIANT_FIELDS = (
    "sku",
    "options",
    "price",
    "weight",
    "barcode",
    "cost",
    "stock_policy",
    "backorder_limit",
    "expected_on",
    *SALE_FIELDS,
)
# In one transaction, because `is_active` is in most indexes.
ACTIVATED_TOGETHER = 200

# --- Products ---------------------------------------------------------------------------------------------------------


@contextmanager
def refuse_taken() -> Iterator[None]:
    """Raise :class:`SlugTaken` or :class:`SkuTaken` for a violated unique index."""
    try:
        yield
    except IntegrityError as error:
        raise (SlugTaken(attr="slug") if "slug" in violated_fields(error) else SkuTaken(attr="sku")) from error


@refuse_taken()
@transactional("catalog.create_product")
def create_product(*, data: dict[str, Any], actor: str = "") -> Product:
    """``data`` has ``PRODUCT_FIELDS`` and either ``variants`` (dicts of ``VARIANT_FIELDS`` and stock) or these
    fields.

    Raises :class:`SlugTaken`, :class:`SkuTaken`, :class:`DuplicateOptions`, :class:`CompareAtPriceTooLow`.
    """
    product = Product(**{name: data[name] for name in PRODUCT_FIELDS if name in data})
    product.slug = product.slug or free_slug(product.name)
    product.save(force_insert=True)
    single = {name: data[name] for name in (*VARIANT_FIELDS, "stock") if name in data}
    for position, variant in enumerate(data.get("variants") or [single]):
        add_variant(product, variant, position=position, actor=actor)
    finalize_products(product.pk)
    record("product.created", product.pk)
    staff_log.record(Action.ADD, product)
    return Product.objects.get(pk=product.pk)


@refuse_taken()
@transactional("catalog.update_product")
def update_product(*, product: Product, data: dict[str, Any], actor: str = "") -> None:
    """Variants missing in ``variants`` are removed.

    Raises :class:`SlugTaken`, :class:`SkuTaken`, :class:`DuplicateOptions`, :class:`CompareAtPriceTooLow`, and
    :class:`VariantRequired` for an ambiguous variant.
    """
    product = Product.objects.get(pk=product.pk)
    former_slug = product.slug
    _set_fields(product, data, PRODUCT_FIELDS)
    leave_redirect(Kind.PRODUCT, former=former_slug, slug=product.slug, target=product.pk)
    existing = list(Variant.objects.filter(product=product).order_by("position", "id"))
    if "variants" in data:
        _replace_variants(product, existing, data["variants"], actor=actor)
    elif given := [name for name in (*VARIANT_FIELDS, "stock") if name in data]:
        active = [variant for variant in existing if variant.is_active]
        if len(active) != 1:
            raise VariantRequired(attr=given[0])
        change_variant(active[0], data, actor=actor)
    finalize_products(product.pk)
    staff_log.record(Action.CHANGE, product, fields=data)


@transactional("catalog.delete_product")
def delete_product(*, product: Product) -> bool:
    """Return False for a sold product, which is deactivated."""
    if _sold(Variant.objects.filter(product=product).values_list("pk", flat=True)):
        set_active([product], is_active=False)
        return False
    product = Product.objects.get(pk=product.pk)
    read_model.uncount(product)
    staff_log.record(Action.DELETE, product)
    for image in ProductImage.objects.filter(product=product):
        images.delete_file_later(image.name)
    remove_redirects(product.pk)
    record("product.deleted", product.pk)
    product.delete()
    return True


@transactional("catalog.set_active")
def set_active(products: list[Product], *, is_active: bool, as_of: datetime | None = None) -> int:
    """``as_of`` is the time of the request, if it was not made now."""
    staff_log.record(Action.CHANGE, *products, fields=["is_active"])
    rows = Product.objects.filter(pk__in=[product.pk for product in products])
    found = [read_model.Visibility(*row) for row in rows.values_list(*read_model.VISIBILITY_FIELDS)]
    read_model.set_active(found, is_active=is_active, as_of=as_of or now())
    return len(found)


@transactional("catalog.set_active_of_many")
def set_active_of_many(product_ids: Sequence[ObjectId], *, is_active: bool) -> int:
    """Return the number of products left to a job, after a first batch."""
    asked_at = now()
    first, later = product_ids[:ACTIVATED_TOGETHER], product_ids[ACTIVATED_TOGETHER:]
    set_active(list(Product.objects.filter(pk__in=first)), is_active=is_active)
    if later:
        set_active_later.enqueue(
            products=[str(pk) for pk in later],
            is_active=is_active,
            asked_at=asked_at.isoformat(),
            staff=request_context.acting_staff(),
        )
    return len(later)


@jobs.job("catalog.set_active", in_transaction=True)
def set_active_later(*, products: list[str], is_active: bool, asked_at: str, staff: list[str] | None) -> None:
    """Skip products that were changed after the request, so that the latest request wins."""
    first, later = products[:ACTIVATED_TOGETHER], products[ACTIVATED_TOGETHER:]
    request_context.bind_staff(Staff(*staff) if staff else None)
    as_of = datetime.fromisoformat(asked_at)
    unchanged = Product.objects.filter(Q(edited_at=None) | Q(edited_at__lte=as_of), pk__in=first)
    set_active(list(unchanged), is_active=is_active, as_of=as_of)
    if later:
        raise jobs.Continue(products=later, is_active=is_active, asked_at=asked_at, staff=staff)


def finalize_products(
    *product_ids: ObjectId, attr: str = "compare_at_price", drops_low_compare_at_prices: bool = False
) -> None:
    """Validate changed products and write their read model, at the end of a transaction.

    Raises :class:`DuplicateOptions`, :class:`StockBelowZero`, and unless ``drops_low_compare_at_prices``,
    :class:`SaleInvalid` for a new plan and :class:`CompareAtPriceTooLow` for ``attr``. A sale price that is not below
    the price has no effect.
    """
    seen = set()
    rows = Variant.objects.filter(product__in=product_ids).order_by()
    for product_id, options, is_active, left, policy, recorded, *prices in rows.values_list(
        "product", "options", "is_active", "stock", "stock_policy", "recorded_plan", "price", *SALE_FIELDS
    ):
        if left < 0 and policy == StockPolicy.DENY:
            raise StockBelowZero(attr="stock_policy")
        if not is_active:
            continue
        if not drops_low_compare_at_prices and PricePlan(*prices).is_new_fault(recorded, moment=now()):
            raise SaleInvalid(attr="sale_price")
        shown = (product_id, identifiers.keys(options))
        if shown in seen:
            raise DuplicateOptions(attr="variants")
        seen.add(shown)
    if read_model.refresh(*product_ids) and not drops_low_compare_at_prices:
        raise CompareAtPriceTooLow(attr=attr)


def free_slug(name: str, *, taken: Container[str] | None = None) -> str:
    """Concurrent calls may return the same slug. ``taken`` are the used slugs, if known."""
    base = slug_base(name)
    is_taken = Product.objects.filter(slug=base).exists() if taken is None else base in taken
    return f"{base}-{secrets.token_hex(3)}" if is_taken or is_reserved(base) else base


def slug_base(name: str) -> str:
    return slugify(in_ascii(name))[:200].strip("-") or "product"


# --- Variants ---------------------------------------------------------------------------------------------------------


@refuse_taken()
@transactional("catalog.update_variant")
def update_variant(*, variant: Variant, data: dict[str, Any], actor: str = "") -> Variant:
    """Raises :class:`SkuTaken`, :class:`DuplicateOptions`, :class:`CompareAtPriceTooLow`."""
    variant = Variant.objects.get(pk=variant.pk)
    change_variant(variant, data, actor=actor)
    finalize_products(variant.product_id, attr="price")
    staff_log.record(Action.CHANGE, variant, fields=data)
    return variant


def add_variant(product: Product, data: dict[str, Any], *, position: int, actor: str) -> Variant:
    fields = {name: data[name] for name in VARIANT_FIELDS if name in data}
    fields["sku"] = fields.get("sku") or f"{product.slug[:50] or product.pk}-{secrets.token_hex(3)}".upper()
    variant = Variant(product=product, position=position, **fields)
    variant.save(force_insert=True)
    if "images" in data:
        images.set_variant_images(variant, data["images"])
    if data.get("stock"):
        stock.adjust(variant, delta=data["stock"], reason=StockMovement.Reason.INITIAL, reference=actor)
    return variant


def change_variant(variant: Variant, data: dict[str, Any], *, actor: str) -> None:
    _set_fields(variant, data, (*VARIANT_FIELDS, "is_active", "position"))
    if "images" in data:
        images.set_variant_images(variant, data["images"])
    if "stock" in data:
        stock.adjust(variant, to=data["stock"], reference=actor)


def _set_fields(row: Product | Variant, data: dict[str, Any], names: Iterable[str]) -> None:
    changed = [name for name in names if name in data]
    for name in changed:
        setattr(row, name, data[name])
    if changed:
        row.save(update_fields=changed)


def _replace_variants(product: Product, existing: list[Variant], wanted: list[dict[str, Any]], *, actor: str) -> None:
    kept = _matching(existing, wanted)
    for position, (data, variant) in enumerate(zip(wanted, kept, strict=True)):
        if variant is None:
            add_variant(product, data, position=position, actor=actor)
        else:
            change_variant(variant, {**data, "position": position, "is_active": True}, actor=actor)
    for variant in existing:
        if variant not in kept:
            remove_variant(variant)


def _matching(existing: list[Variant], wanted: list[dict[str, Any]]) -> list[Variant | None]:
    """Match by SKU, or without one by options.

    Raises :class:`VariantRequired` for one without SKU that may be an existing one with changed options.
    """
    by_sku = SkuMap((variant.sku, variant) for variant in existing)
    found = [by_sku.find(data["sku"]) if "sku" in data else None for data in wanted]
    rest = [variant for variant in existing if variant not in found]
    by_options = {
        identifiers.keys(variant.options): variant for variant in sorted(rest, key=lambda variant: variant.is_active)
    }
    for number, data in enumerate(wanted):
        if "sku" not in data:
            found[number] = by_options.pop(identifiers.keys(data.get("options", {})), None)
    removed = any(variant.is_active and variant not in found for variant in rest)
    for number, data in enumerate(wanted):
        if "sku" not in data and found[number] is None and (removed or (rest and not data.get("options"))):
            raise VariantRequired("Specify the SKU or the current options.", attr=f"variants.{number}.sku")
    return found


def remove_variant(variant: Variant) -> bool:
    """Return False for a sold variant, which is deactivated."""
    if _sold([variant.pk]):
        Variant.objects.filter(pk=variant.pk).update(is_active=False)
        return False
    variant.delete()
    return True


def _sold(variants: Iterable[ObjectId]) -> bool:
    return StockMovement.objects.filter(variant__in=list(variants), reason=StockMovement.Reason.ORDER).exists()


# --- Categories -------------------------------------------------------------------------------------------------------


# --- Sales ------------------------------------------------------------------------------------------------------------


@jobs.job("catalog.count_sales", in_transaction=True)
def count_sales(*, quantities: dict[str, int]) -> None:
    """Not in the sale's transaction, because best sellers would cause write conflicts."""
    variants = Variant.objects.filter(pk__in=list(quantities)).values_list("pk", "product")
    for variant_id, product_id in sorted(variants):
        Product.objects.filter(pk=product_id).update(sales=F("sales") + quantities[str(variant_id)])
