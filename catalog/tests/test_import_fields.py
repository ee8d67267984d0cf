"""Every field that staff edit is exported, and imported unchanged."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import models

from catalog.collections.models import Collection
from catalog.importing.columns import SKU, Columns
from catalog.models import Category, Product, Variant
from catalog.tests.files import export_products, import_products, rows_of
from shop.audit import violations

pytestmark = pytest.mark.django_db

# Editable fields without a column, and why.
WITHOUT_COLUMN = {
    "variant.product": "the rows of a product have its slug",
    "variant.position": "new variants are in the order of their rows",
}


def named(field: models.Field) -> str:
    return f"{field.model._meta.model_name}.{field.name}"


def test_every_editable_field_has_a_column() -> None:
    columns = Columns([])
    with_column = {named(columns.sku.field)}
    for heading in columns.export_order({"a"}, {"o"}):
        if column := columns.get(heading):
            with_column.add(named(column.field))
    fields = [field for model in (Product, Variant) for field in model._meta.concrete_fields]
    editable = {named(field) for field in fields if field.editable and not field.primary_key}
    assert with_column | set(WITHOUT_COLUMN) == editable
    assert not with_column & set(WITHOUT_COLUMN)


def test_a_product_with_all_fields_is_the_same_after_export_and_import(
    make_product: Callable[..., Product], make_category: Callable[..., Category], tmp_path: Path
) -> None:
    summer = Collection.objects.create(name="Summer", slug="summer")
    sale = {
        "sale_price": Decimal("17.5"),
        "sale_starts_at": datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
        "sale_ends_at": datetime(2030, 2, 3, tzinfo=UTC),
    }
    product = make_product(
        "Linen shirt",
        slug="shirt",
        description="Two\nlines",
        category=make_category("Shirts"),
        additional_categories=[make_category("Gifts").pk],
        brand="Blå, Station",
        tags=["new", "two words"],
        collections=[summer.pk],
        compare_at_price=Decimal(30),
        is_active=False,
        free_shipping=True,
        tax_class="reduced",
        attributes={"material": "linen"},
        option_order=[{"name": "size", "values": ["S", "M"]}],
        seo_title="A shirt",
        seo_description="=made of linen",
        variants=[
            {
                "sku": "SHIRT-M",
                "options": {"size": "M"},
                "price": "20",
                "stock": 3,
                "weight": 250,
                "barcode": "4006381333931",
                "cost": Decimal("7.5"),
                "stock_policy": "backorder",
                "backorder_limit": 10,
                "expected_on": date(2030, 5, 6),
                **sale,
            },
            {"sku": "SHIRT-S", "options": {"size": "S"}, "price": "21", "stock": 0},
        ],
    )
    Variant.objects.filter(sku="SHIRT-M").update(is_active=False)

    def values(row: models.Model) -> dict[str, Any]:
        fields = [field for field in row._meta.concrete_fields if field.editable and not field.primary_key]
        return {field.name: getattr(row, field.attname) for field in fields if named(field) != "variant.product"}

    def stored() -> list[dict[str, Any]]:
        variants = Variant.objects.order_by("position")
        return [*map(values, Product.objects.all()), *({**values(row), "stock": row.stock} for row in variants)]

    file = export_products(tmp_path)
    first = rows_of(file)[0]
    assert [name for name, cell in first.items() if not cell] == [], "a value for each column"
    before, changed_at = stored(), Product.objects.get().updated_at
    import_products(tmp_path, file)
    assert (stored(), Product.objects.get().updated_at) == (before, changed_at)
    product.delete()
    import_products(tmp_path, file)
    assert stored() == before
    assert first[SKU] == "SHIRT-M"
    assert violations() == []
