"""One hyphen in coupon codes: "SAVE–10", as word processors write it, is "SAVE-10"."""

from importlib import import_module

from django.db import migrations

normalize = import_module("cart.migrations.0002_normalized_coupon_codes").normalize


class Migration(migrations.Migration):
    dependencies = [("cart", "0002_normalized_coupon_codes")]

    operations = [migrations.RunPython(normalize, migrations.RunPython.noop)]
