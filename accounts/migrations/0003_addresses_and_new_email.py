"""States of the address book as ISO 3166-2 codes, a default address for everybody, and changes of the e-mail address."""

from typing import Any

from django.db import migrations, models

import accounts.phone_numbers
from accounts.subdivisions import normalize_state


def normalize_states(apps: Any, schema_editor: Any) -> None:
    """Write the codes of the states that are known; what is not known stays as it was typed."""
    addresses = apps.get_model("accounts", "Address").objects
    for pk, country, state in list(addresses.exclude(state="").values_list("pk", "country", "state")):
        code = normalize_state(country, state)
        if code != state:
            addresses.filter(pk=pk, country=country, state=state).update(state=code)


def set_missing_defaults(apps: Any, schema_editor: Any) -> None:
    """Make the newest address the default of everybody who deleted theirs."""
    addresses = apps.get_model("accounts", "Address").objects
    with_default = set(addresses.filter(is_default=True).values_list("user_id", flat=True))
    newest = dict(addresses.order_by("id").values_list("user_id", "pk"))
    for user, pk in newest.items():
        if user not in with_default:
            addresses.filter(pk=pk).update(is_default=True)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_normal_email_addresses")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="new_email",
            field=models.EmailField(blank=True, default="", editable=False, max_length=254),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name="user",
            name="phone",
            field=models.CharField(blank=True, max_length=30, validators=[accounts.phone_numbers.validate_phone]),
        ),
        migrations.AlterField(
            model_name="address",
            name="phone",
            field=models.CharField(blank=True, max_length=30, validators=[accounts.phone_numbers.validate_phone]),
        ),
        migrations.RunPython(normalize_states, migrations.RunPython.noop, elidable=True),
        migrations.RunPython(set_missing_defaults, migrations.RunPython.noop, elidable=True),
    ]
