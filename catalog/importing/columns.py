import re
from collections.abc import Iterable
from functools import partial

from bson import ObjectId
from django.conf import settings
from django.db import models

from catalog.attributes import ATTRIBUTE_NAME
from catalog.collections.models import Collection
from catalog.importing.column_types import (
    CategoryColumn,
    ChoiceColumn,
    Column,
    DateColumn,
    ListColumn,
    MomentColumn,
    MoneyColumn,
    NumberColumn,
    OptionOrderColumn,
    PairColumn,
    RelatedColumn,
    YesNoColumn,
)
from catalog.importing.errors import BadCell
from catalog.models import MAX_WEIGHT, Category, Product, Variant
from shop.db.fields import field_of

SKU, STOCK, STOCK_BASE = "sku", "stock", "stock_base"
ATTRIBUTE, OPTION = "attr:", "option:"


# Columns of a variant that are exported before its stock.
_BEFORE_STOCK = ("price", "weight", "barcode", "cost")


class Columns:
    def __init__(self, categories: Iterable[Category]) -> None:
        categories = list(categories)
        slugs = {category.pk: category.slug for category in categories}
        product, variant = partial(field_of, Product), partial(field_of, Variant)
        self.sku = Column(variant("sku"))
        self._of_product = _by_name(
            Column(product("name")),
            Column(product("slug")),
            Column(product("description")),
            CategoryColumn(product("category"), categories),
            RelatedColumn(product("additional_categories"), lambda: slugs, kind="Category"),
            Column(product("brand")),
            ListColumn(product("tags")),
            RelatedColumn(product("collections"), _collection_slugs, kind="Collection"),
            Column(product("seo_title")),
            Column(product("seo_description")),
            YesNoColumn(product("is_active"), name="active"),
            YesNoColumn(product("free_shipping")),
            ChoiceColumn(product("tax_class")),
            MoneyColumn(product("compare_at_price")),
            OptionOrderColumn(product("option_order"), name="options"),
        )
        self._of_variant = _by_name(
            MoneyColumn(variant("price")),
            NumberColumn(variant("weight"), at_most=MAX_WEIGHT),
            Column(variant("barcode")),
            MoneyColumn(variant("cost")),
            Column(variant("stock_policy")),
            NumberColumn(variant("backorder_limit"), at_most=settings.MAX_QUANTITY),
            DateColumn(variant("expected_on")),
            MoneyColumn(variant("sale_price")),
            MomentColumn(variant("sale_starts_at")),
            MomentColumn(variant("sale_ends_at")),
            YesNoColumn(variant("is_active"), name="variant_active"),
        )

    def of_product(self, name: str) -> Column | None:
        return self._of_product.get(name) or _pair_column(name, ATTRIBUTE, field_of(Product, "attributes"))

    def of_variant(self, name: str) -> Column | None:
        return self._of_variant.get(name) or _pair_column(name, OPTION, field_of(Variant, "options"))

    def get(self, name: str) -> Column | None:
        return self.of_product(name) or self.of_variant(name)

    def export_order(self, attributes: Iterable[str], option_names: Iterable[str]) -> list[str]:
        return [
            SKU,
            *self._of_product,
            *(ATTRIBUTE + name for name in sorted(attributes)),
            *(OPTION + name for name in sorted(option_names)),
            *_BEFORE_STOCK,
            *(STOCK, STOCK_BASE),
            *(name for name in self._of_variant if name not in _BEFORE_STOCK),
        ]

    def knows(self, name: str) -> bool:
        return name in (SKU, STOCK, STOCK_BASE) or self.get(name) is not None


def _collection_slugs() -> dict[ObjectId, str]:
    return dict(Collection.objects.order_by().values_list("pk", "slug"))


def _by_name(*columns: Column) -> dict[str, Column]:
    return {column.name: column for column in columns}


def _pair_column(name: str, prefix: str, field: models.Field) -> PairColumn | None:
    is_pair = name.startswith(prefix) and re.fullmatch(ATTRIBUTE_NAME, name.removeprefix(prefix))
    return PairColumn(field, name) if is_pair else None


# --- Stock ------------------------------------------------------------------------------------------------------------


def stock_base(stock: int, adjustments: int) -> str:
    """Return a text to detect later adjustments."""
    return f"{stock}#{adjustments}"


def read_stock_base(text: str) -> tuple[int, int] | None:
    """Parse :func:`stock_base`. Raises :class:`BadCell`."""
    if not text.strip():
        return None
    found = re.fullmatch(r"(-?\d{1,18})#(\d{1,9})", text.strip(), re.ASCII)
    if not found:
        raise BadCell("This value was changed since the export. Clear the cell, or export again.")
    return int(found[1]), int(found[2])
