"""Indexes of the lists in the admin. Those that they replace are dropped last."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0009_admin_lists"),
        ("orders", "0012_unique_indexes"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(("status", "pending")), fields=["status", "expires_at"], name="order_holds"
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(("flagged", True)), fields=["flagged", "flag_settled", "-id"], name="order_flagged"
            ),
        ),
        migrations.AddIndex(
            model_name="review",
            index=models.Index(fields=["rating", "is_hidden", "-id"], name="review_state"),
        ),
        migrations.RemoveIndex(
            model_name="order",
            name="order_expiry",
        ),
        migrations.RemoveIndex(
            model_name="order",
            name="order_status",
        ),
        migrations.RemoveIndex(
            model_name="order",
            name="order_payment_status",
        ),
        migrations.RemoveIndex(
            model_name="order",
            name="order_fulfilment_status",
        ),
        migrations.RemoveIndex(
            model_name="order",
            name="order_to_ship",
        ),
        migrations.RemoveIndex(
            model_name="order",
            name="order_open_flag",
        ),
        migrations.RemoveIndex(
            model_name="review",
            name="review_hidden",
        ),
        migrations.RemoveIndex(
            model_name="review",
            name="review_rating",
        ),
    ]
