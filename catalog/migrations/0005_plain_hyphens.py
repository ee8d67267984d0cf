"""One hyphen in SKUs, slugs and attributes: "NB–1", as word processors write it, is "NB-1"."""

from importlib import import_module

from django.db import migrations

normalize = import_module("catalog.migrations.0002_normalized_identifiers").normalize


class Migration(migrations.Migration):
    dependencies = [("catalog", "0004_search_sizes")]

    operations = [migrations.RunPython(normalize, migrations.RunPython.noop)]
