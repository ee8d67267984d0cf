from typing import Any

from django.db import migrations, models

from shop.db.groups import extend_groups

NEW_ROLES = {"Read-only": {"accounts.apikey": ("view",)}}


def extend(apps: Any, schema_editor: Any) -> None:
    extend_groups(apps, NEW_ROLES)


class Migration(migrations.Migration):
    dependencies = [
        ("shop", "0019_order_desk_views"),
        ("accounts", "0013_api_keys"),
    ]

    operations = [
        migrations.AlterField(
            model_name="staffaction",
            name="action",
            field=models.CharField(
                choices=[
                    ("add", "added"),
                    ("change", "changed"),
                    ("delete", "deleted"),
                    ("stock", "changed the stock"),
                    ("cancel", "cancelled"),
                    ("ship", "marked as shipped"),
                    ("deliver", "marked as delivered"),
                    ("settle", "resolved the flag of"),
                    ("erase", "erased the personal data of"),
                    ("refund", "refunded"),
                    ("approve", "approved a return of"),
                    ("reject", "rejected a return of"),
                    ("receive", "received a return of"),
                    ("invoice", "issued the invoice of"),
                    ("replay", "replayed"),
                    ("run", "ran"),
                    ("mail", "sent an e-mail to"),
                    ("invite", "invited"),
                    ("revoke", "revoked"),
                ],
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="staffaction",
            name="via",
            field=models.CharField(
                choices=[("admin", "admin"), ("api", "API"), ("key", "API key")], max_length=5, verbose_name="source"
            ),
        ),
        migrations.RunPython(extend, migrations.RunPython.noop),
    ]
