from typing import Any

from django.db import migrations

from shop.db.groups import extend_groups

NEW_ROLES = {"Read-only": {"orders.shippingzone": ("view",), "orders.shippingrate": ("view",)}}


def extend(apps: Any, schema_editor: Any) -> None:
    extend_groups(apps, NEW_ROLES)


class Migration(migrations.Migration):
    dependencies = [
        ("shop", "0010_task_of_older_releases"),
        ("orders", "0016_shipping_zones"),
    ]

    operations = [migrations.RunPython(extend, migrations.RunPython.noop)]
