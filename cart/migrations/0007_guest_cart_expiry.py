from django.db import migrations, models

import shop.db.mongodb


class Migration(migrations.Migration):
    dependencies = [
        ("cart", "0006_unique_indexes"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="cart",
            index=shop.db.mongodb.TTLIndex(
                condition=models.Q(("token_digest__gte", "")),
                fields=["updated_at"],
                name="guest_cart_expiry",
                seconds=2592000,
            ),
        ),
    ]
