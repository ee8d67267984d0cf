"""Indexes of the lists in the admin. Those that they replace are dropped last."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0007_unique_indexes"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(fields=["status", "-id"], name="refund_latest"),
        ),
        migrations.AddIndex(
            model_name="stripeevent",
            index=models.Index(fields=["-received_at", "-id"], name="event_latest"),
        ),
        migrations.AddIndex(
            model_name="stripeevent",
            index=models.Index(fields=["status", "-received_at", "-id"], name="event_status"),
        ),
        migrations.AddIndex(
            model_name="stripeevent",
            index=models.Index(fields=["type", "-received_at", "-id"], name="event_latest_of_type"),
        ),
        migrations.RemoveIndex(
            model_name="refund",
            name="refund_status",
        ),
        migrations.RemoveIndex(
            model_name="stripeevent",
            name="event_received",
        ),
        migrations.RemoveIndex(
            model_name="stripeevent",
            name="event_type",
        ),
    ]
