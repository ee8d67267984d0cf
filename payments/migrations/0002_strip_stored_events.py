"""Strip the stored events of Stripe to the fields that the shop needs.

In batches by id, each event by itself: after a crash it is run again, and what is stripped already stays as it is.
"""

from typing import Any

from django.apps.registry import Apps
from django.db import migrations

from payments.event_payload import stored_part

BATCH = 500


def strip_events(apps: Apps, schema_editor: Any = None) -> None:
    events = apps.get_model("payments", "StripeEvent").objects
    last = ""
    while batch := list(events.filter(pk__gt=last).order_by("pk").values_list("pk", "payload")[:BATCH]):
        for pk, payload in batch:
            if (kept := stored_part(payload)) != payload:
                events.filter(pk=pk).update(payload=kept)
        last = batch[-1][0]


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("payments", "0001_initial")]

    # What was stripped cannot be brought back.
    operations = [migrations.RunPython(strip_events, migrations.RunPython.noop)]
