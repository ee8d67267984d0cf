"""States of tax rates as ISO 3166-2 codes, one rate for each."""

from typing import Any

from django.db import migrations, models

from accounts.subdivisions import normalize_state


def normalize_states(apps: Any, schema_editor: Any) -> None:
    """Write the codes of the states. Of several rates for one state the newest stays, which was the one that counted.

    A state that is not known stays as it was typed: no address has it any more, and staff see it in the admin.
    """
    rates = apps.get_model("orders", "TaxRate").objects
    newest: set[tuple[str, str]] = set()
    for pk, country, state in list(rates.exclude(state="").order_by("-id").values_list("pk", "country", "state")):
        code = normalize_state(country, state)
        if (country, code) in newest:
            rates.filter(pk=pk).delete()
        newest.add((country, code))
    # After the deletions, so that the unique index has room for each.
    for pk, country, state in list(rates.exclude(state="").values_list("pk", "country", "state")):
        if (code := normalize_state(country, state)) != state:
            rates.filter(pk=pk).update(state=code)


class Migration(migrations.Migration):
    dependencies = [("orders", "0007_normalized_codes")]

    operations = [
        migrations.AlterField(
            model_name="shippingmethod",
            name="pickup_state",
            field=models.CharField(
                blank=True,
                default="",
                help_text="A code (CA) or a name (California), where tax rates are by state.",
                max_length=120,
                verbose_name="state of the pick-up",
            ),
        ),
        migrations.AlterField(
            model_name="taxrate",
            name="state",
            field=models.CharField(
                blank=True, help_text="A code (CA) or a name (California). Empty: the whole country.", max_length=120
            ),
        ),
        migrations.RunPython(normalize_states, migrations.RunPython.noop, elidable=True),
    ]
