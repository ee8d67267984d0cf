"""Rebuild what existing products are found by: sizes such as "20x30", middle dots, Hebrew and Arabic vowel signs."""

from importlib import import_module

from django.db import migrations

rebuild = import_module("catalog.migrations.0003_search_rebuild").rebuild


class Migration(migrations.Migration):
    dependencies = [("catalog", "0003_search_rebuild")]

    operations = [migrations.RunPython(rebuild, migrations.RunPython.noop)]
