"""Indexes of the lists in the admin. Those that they replace are dropped last."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0008_unique_indexes"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="stockmovement",
            index=models.Index(fields=["reference", "-id"], name="movement_of"),
        ),
        migrations.AddIndex(
            model_name="stockmovement",
            index=models.Index(fields=["reason", "-id"], name="movement_reason"),
        ),
        migrations.AddIndex(
            model_name="variant",
            index=models.Index(fields=["stock", "id"], name="variant_by_stock"),
        ),
        migrations.AddIndex(
            model_name="variant",
            index=models.Index(fields=["is_active", "-id"], name="variant_state"),
        ),
        migrations.RemoveIndex(
            model_name="stockmovement",
            name="movement_reference",
        ),
        migrations.RemoveIndex(
            model_name="variant",
            name="variant_stock",
        ),
    ]
