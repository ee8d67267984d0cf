"""Wording of labels and help texts; changes no data."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0004_network_declines_index"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="stripeevent",
            options={"verbose_name": "Stripe event"},
        ),
    ]
