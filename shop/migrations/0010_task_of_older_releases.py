from typing import Any

from django.db import migrations


def delete_unknown_task(apps: Any, schema_editor: Any) -> None:
    """Guests' carts are deleted by the database, no longer by a task."""
    apps.get_model("shop", "PeriodicTask").objects.filter(name="cart.forget_guests").delete()


class Migration(migrations.Migration):
    dependencies = [("shop", "0009_unique_index_of_periodic_tasks")]

    operations = [migrations.RunPython(delete_unknown_task, migrations.RunPython.noop)]
