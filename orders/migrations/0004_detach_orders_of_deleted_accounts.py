"""Mark the orders of accounts that were deleted before as detached, so that the worker erases what is left in them.

Running it again changes nothing.
"""

from typing import Any

from django.apps.registry import Apps
from django.db import migrations
from django.utils import timezone


def detach(apps: Apps, schema_editor: Any = None) -> None:
    apps.get_model("orders", "Order").objects.filter(user=None, detached_at=None).update(detached_at=timezone.now())


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("orders", "0003_detached_orders")]

    operations = [migrations.RunPython(detach, migrations.RunPython.noop)]
