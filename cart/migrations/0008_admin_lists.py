"""Indexes of the lists in the admin. Those that they replace are dropped last."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cart", "0007_guest_cart_expiry"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name="cart",
            index=models.Index(fields=["updated_at", "id"], name="cart_latest"),
        ),
        migrations.AddIndex(
            model_name="coupon",
            index=models.Index(fields=["is_active", "kind", "-id"], name="coupon_states"),
        ),
        migrations.RemoveIndex(
            model_name="cart",
            name="cart_updated",
        ),
    ]
