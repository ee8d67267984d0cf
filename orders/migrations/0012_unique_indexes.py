"""Unique indexes serve look-ups: the plain indexes beside them go."""

from django.db import migrations

from shop.db.migration_operations import replace_unique_indexes


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0011_list_indexes"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveIndex(model_name="order", name="order_number"),
                migrations.RemoveIndex(model_name="shippingmethod", name="shipping_method_code"),
                migrations.RemoveIndex(model_name="taxrate", name="tax_rate_place"),
            ],
        ),
        replace_unique_indexes("orders.Order", "orders.Review", "orders.ShippingMethod", "orders.TaxRate"),
    ]
