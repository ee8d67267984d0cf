"""Indexes of the lists in the admin. Those that they replace are dropped last."""

from django.db import migrations, models

import shop.db.mongodb


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_closed_accounts"),
        ("auth", "0001_initial"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="user",
            index=shop.db.mongodb.CaseInsensitiveIndex(fields=["name"], name="user_name"),
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(fields=["is_staff", "is_active", "email_verified", "-id"], name="user_states"),
        ),
        migrations.RemoveIndex(
            model_name="user",
            name="user_joined",
        ),
    ]
