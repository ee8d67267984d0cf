from typing import Any

from django.db import migrations

from shop.db.groups import extend_groups

NEW_ROLES = {
    "Order desk": {"orders.invoice": ("view",)},
    "Read-only": {"orders.invoice": ("view",), "orders.dailytotal": ("view",)},
}


def extend(apps: Any, schema_editor: Any) -> None:
    extend_groups(apps, NEW_ROLES)


class Migration(migrations.Migration):
    dependencies = [
        ("shop", "0017_invoices"),
        ("orders", "0030_daily_totals"),
    ]

    operations = [migrations.RunPython(extend, migrations.RunPython.noop)]
