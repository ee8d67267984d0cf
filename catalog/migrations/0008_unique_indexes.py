"""Unique indexes serve look-ups: the plain indexes beside them go."""

from django.db import migrations

from shop.db.migration_operations import replace_unique_indexes


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0007_image_names"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveIndex(model_name="category", name="category_slug"),
                migrations.RemoveIndex(model_name="product", name="product_slug"),
                migrations.RemoveIndex(model_name="variant", name="variant_sku"),
                migrations.RemoveIndex(model_name="variant", name="variant_sku_key"),
            ],
        ),
        replace_unique_indexes("catalog.Category", "catalog.Product", "catalog.Variant"),
    ]
