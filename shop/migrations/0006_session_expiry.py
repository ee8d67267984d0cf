from typing import Any

from django.db import migrations, models


def expire_sessions(apps: Any, schema_editor: Any) -> None:
    """Replace the plain index on the expiry date: MongoDB makes none that differs in its lifetime only."""
    session = apps.get_model("sessions.Session")
    sessions = schema_editor.get_collection(session._meta.db_table)
    for name, index in sessions.index_information().items():
        if index["key"] == [("expire_date", 1)] and "expireAfterSeconds" not in index:
            schema_editor.remove_index(session, models.Index(fields=["expire_date"], name=name))
    sessions.create_index("expire_date", name="session_expiry", expireAfterSeconds=0)


class Migration(migrations.Migration):
    dependencies = [
        ("sessions", "0001_initial"),
        ("shop", "0005_unique_indexes_of_django"),
    ]

    operations = [
        migrations.RunPython(expire_sessions, migrations.RunPython.noop),
    ]
