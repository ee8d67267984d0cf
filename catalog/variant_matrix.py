"""Variants for all combinations of options."""

import itertools
import math
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from catalog import services
from catalog.errors import TooManyVariants
from catalog.models import MAX_VARIANTS, Product, Variant
from catalog.options import Options
from catalog.text import in_ascii
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.db import identifiers
from shop.db.transactions import transactional


class NewVariant(NamedTuple):
    options: dict[str, str]
    sku: str
    price: Decimal
    stock: int


def missing_combinations(product: Product, options: Options) -> list[dict[str, str]]:
    """Return the combinations of which there is no active variant, in order. Raises :class:`TooManyVariants`."""
    existing = list(Variant.objects.active().filter(product=product))
    if math.prod(len(each["values"]) for each in options) > MAX_VARIANTS:
        raise TooManyVariants
    known = {identifiers.keys(variant.options) for variant in existing}
    names = [each["name"] for each in options]
    combinations = [
        dict(zip(names, values, strict=True)) for values in itertools.product(*(each["values"] for each in options))
    ]
    return [each for each in combinations if each and identifiers.keys(each) not in known]


def sku_of(pattern: str, combination: dict[str, str]) -> str:
    """Fill a pattern such as ``TEE-{colour}-{size}`` with the letters and digits of the values."""
    sku = pattern
    for name, value in combination.items():
        sku = sku.replace(f"{{{name}}}", re.sub(r"[^A-Z0-9]", "", in_ascii(value).upper()) or "X")
    return sku


def default_pattern(product: Product, options: Options) -> str:
    return "-".join([product.slug[:40].upper(), *(f"{{{each['name']}}}" for each in options)])


@services.refuse_taken()
@transactional("catalog.add_variants")
def add_variants(*, product: Product, variants: Sequence[NewVariant], options: Options, actor: str = "") -> int:
    """Add variants after the others, and let ``options`` define their order; return the number of new ones.

    A single variant without options becomes the first of them if that has its SKU, and keeps its stock. Raises
    :class:`TooManyVariants`, :class:`SkuTaken`, :class:`DuplicateOptions`, :class:`CompareAtPriceTooLow`.
    """
    product = Product.objects.get(pk=product.pk)
    existing = list(Variant.objects.filter(product=product).order_by("position", "id"))
    active = [variant for variant in existing if variant.is_active]
    new = list(variants)
    if new and len(active) == 1 and not active[0].options and identifiers.key(new[0].sku) == active[0].sku_key:
        services.change_variant(active[0], {"options": new.pop(0).options}, actor=actor)
    if len(active) + len(new) > MAX_VARIANTS:
        raise TooManyVariants
    last = max((variant.position for variant in existing), default=-1)
    for position, each in enumerate(new, start=last + 1):
        services.add_variant(product, each._asdict(), position=position, actor=actor)
    Product.objects.filter(pk=product.pk).update(option_order=options)
    services.finalize_products(product.pk)
    staff_log.record(Action.CHANGE, product, fields=["variants"])
    return len(new)
