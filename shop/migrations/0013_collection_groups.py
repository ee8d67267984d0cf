from typing import Any

from django.db import migrations

from shop.db.groups import extend_groups

NEW_ROLES = {
    "Catalogue editors": {"catalog.collection": ("view", "add", "change", "delete")},
    "Read-only": {"catalog.collection": ("view",)},
}


def extend(apps: Any, schema_editor: Any) -> None:
    extend_groups(apps, NEW_ROLES)


class Migration(migrations.Migration):
    dependencies = [
        ("shop", "0012_urgent_jobs"),
        ("catalog", "0018_collections"),
    ]

    operations = [migrations.RunPython(extend, migrations.RunPython.noop)]
