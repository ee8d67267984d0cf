"""Single variants, added to and removed from a product."""

from typing import Any

from django.db.models import F

from catalog import services
from catalog.errors import LastVariant, TooManyVariants
from catalog.models import MAX_VARIANTS, Product, Variant
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.db.transactions import transactional


@services.refuse_taken()
@transactional("catalog.create_variant")
def create_variant(*, product: Product, data: dict[str, Any], actor: str = "") -> Variant:
    """Add a variant, the last one without a ``position`` in ``data``.

    Raises ``DoesNotExist``, :class:`TooManyVariants`, :class:`SkuTaken`, :class:`DuplicateOptions`,
    :class:`CompareAtPriceTooLow`.
    """
    product = _locked(product)
    positions = list(Variant.objects.filter(product=product).values_list("position", "is_active"))
    if sum(is_active for _, is_active in positions) >= MAX_VARIANTS:
        raise TooManyVariants
    last = max((position for position, _ in positions), default=-1)
    variant = services.add_variant(product, data, position=data.get("position", last + 1), actor=actor)
    if data.get("is_active") is False:
        Variant.objects.filter(pk=variant.pk).update(is_active=False)
    services.finalize_products(product.pk)
    staff_log.record(Action.ADD, variant, fields=data)
    return variant


@transactional("catalog.delete_variant")
def delete_variant(*, variant: Variant) -> bool:
    """Return False for a sold variant, which is deactivated. Raises ``DoesNotExist``, :class:`LastVariant`."""
    variant = Variant.objects.get(pk=variant.pk)
    product = _locked(Product(pk=variant.product_id))
    if not Variant.objects.filter(product=product).exclude(pk=variant.pk).exists():
        raise LastVariant
    staff_log.record(Action.DELETE, variant)
    is_deleted = services.remove_variant(variant)
    services.finalize_products(product.pk)
    return is_deleted


def _locked(product: Product) -> Product:
    """Let concurrent changes of the product's variants conflict."""
    if not Product.objects.filter(pk=product.pk).update(stock_flips=F("stock_flips") + 1):
        raise Product.DoesNotExist
    return Product.objects.get(pk=product.pk)
