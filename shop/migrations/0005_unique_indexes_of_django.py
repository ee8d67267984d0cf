"""Unique indexes serve look-ups: the plain indexes beside them go."""

from django.db import migrations

from shop.db.migration_operations import replace_unique_indexes


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0001_initial"),
        ("contenttypes", "0001_initial"),
        ("sessions", "0001_initial"),
        ("shop", "0004_slices"),
    ]

    operations = [
        replace_unique_indexes("auth.Group", "auth.Permission", "contenttypes.ContentType", "sessions.Session"),
    ]
