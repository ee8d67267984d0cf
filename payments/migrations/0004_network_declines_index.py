"""Index all payments with the digest of a network address: it is deleted when it does not count any more.

Running it again after a crash is fine.
"""

from typing import Any

from django.db import migrations, models

NAME = "payment_network_declines"


def drop_index(apps: Any, schema_editor: Any) -> None:
    payments = schema_editor.get_collection("payments_payment")
    if NAME in payments.index_information():
        payments.drop_index(NAME)


class Migration(migrations.Migration):
    dependencies = [("payments", "0003_failed_attempts")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(drop_index, migrations.RunPython.noop)],
            state_operations=[migrations.RemoveIndex(model_name="payment", name=NAME)],
        ),
        migrations.AddIndex(
            model_name="payment",
            index=models.Index(
                condition=models.Q(("opened_from__gt", "")), fields=["opened_from", "last_declined_at"], name=NAME
            ),
        ),
    ]
