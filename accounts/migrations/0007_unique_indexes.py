"""Unique indexes serve look-ups: the plain indexes beside them go."""

from django.db import migrations

from shop.db.migration_operations import replace_unique_indexes


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_list_indexes"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveIndex(model_name="user", name="user_email"),
            ],
        ),
        replace_unique_indexes("accounts.User"),
    ]
