"""Indexes of the lists in the admin. Those that they replace are dropped last."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("shop", "0006_session_expiry"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="staffaction",
            index=models.Index(fields=["object_id", "-id"], name="staff_action_about"),
        ),
        migrations.AddIndex(
            model_name="staffaction",
            index=models.Index(fields=["label", "-id"], name="staff_action_label"),
        ),
        migrations.AddIndex(
            model_name="staffaction",
            index=models.Index(fields=["request_id", "-id"], name="staff_action_request"),
        ),
        migrations.AddIndex(
            model_name="staffaction",
            index=models.Index(fields=["staff", "-id"], name="staff_action_by"),
        ),
        migrations.AddIndex(
            model_name="staffaction",
            index=models.Index(fields=["model", "action", "-id"], name="staff_action_kind"),
        ),
        migrations.AddIndex(
            model_name="staffaction",
            index=models.Index(fields=["via", "-id"], name="staff_action_via"),
        ),
        migrations.RemoveIndex(
            model_name="staffaction",
            name="staff_action_object",
        ),
        migrations.RemoveIndex(
            model_name="staffaction",
            name="staff_action_staff",
        ),
    ]
