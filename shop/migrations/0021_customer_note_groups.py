from typing import Any

from django.db import migrations

from shop.db.groups import extend_groups

NEW_ROLES = {
    "Order desk": {"accounts.customernote": ("view", "add")},
    "Read-only": {"accounts.customernote": ("view",)},
}


def extend(apps: Any, schema_editor: Any) -> None:
    extend_groups(apps, NEW_ROLES)


class Migration(migrations.Migration):
    dependencies = [
        ("shop", "0020_api_key_actions"),
        ("accounts", "0014_customer_notes"),
    ]

    operations = [migrations.RunPython(extend, migrations.RunPython.noop)]
