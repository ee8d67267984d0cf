"""The order desk reads customers, products and stock, unless staff have changed its group."""

from typing import Any

from django.db import migrations

from shop.db.groups import extend_groups

GROUP = "Order desk"
UNCHANGED = {
    *("view_order", "change_order", "view_review", "change_review", "view_invoice"),
    *("view_payment", "view_refund", "add_refund"),
}
NEW_ROLES = {
    GROUP: {
        "accounts.user": ("view",),
        "accounts.address": ("view",),
        "catalog.product": ("view",),
        "catalog.variant": ("view",),
        "catalog.productimage": ("view",),
        "catalog.stockmovement": ("view",),
    }
}


def extend(apps: Any, schema_editor: Any) -> None:
    group = apps.get_model("auth", "Group").objects.filter(name=GROUP).first()
    if group and set(group.permissions.values_list("codename", flat=True)) == UNCHANGED:
        extend_groups(apps, NEW_ROLES)


class Migration(migrations.Migration):
    dependencies = [
        ("shop", "0018_invoice_groups"),
        ("orders", "0033_search_words"),
        ("catalog", "0023_refunds_by_line"),
        ("accounts", "0012_second_factor"),
    ]

    operations = [migrations.RunPython(extend, migrations.RunPython.noop)]
