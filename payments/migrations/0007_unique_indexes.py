"""Unique indexes serve look-ups: the plain indexes beside them go."""

import django.db.models.deletion
from django.db import migrations, models

from shop.db.migration_operations import replace_unique_indexes


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0006_list_indexes"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveIndex(model_name="refund", name="refund_stripe_id"),
                migrations.AlterField(
                    model_name="payment",
                    name="order",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payments",
                        to="orders.order",
                    ),
                ),
            ],
        ),
        replace_unique_indexes("payments.Payment", "payments.Refund"),
    ]
