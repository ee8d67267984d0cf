"""Unique indexes serve look-ups: the plain indexes beside them go."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from shop.db.migration_operations import replace_unique_indexes


class Migration(migrations.Migration):
    dependencies = [
        ("cart", "0005_list_indexes"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveIndex(model_name="coupon", name="coupon_code"),
                migrations.RemoveIndex(model_name="cart", name="cart_token"),
                migrations.AlterField(
                    model_name="cart",
                    name="user",
                    field=models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="carts",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        replace_unique_indexes("cart.Cart", "cart.Coupon"),
    ]
