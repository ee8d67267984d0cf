"""Wording of labels and help texts; changes no data."""

from django.db import migrations, models

import shop.db.fields


class Migration(migrations.Migration):
    dependencies = [
        ("cart", "0003_plain_hyphens"),
    ]

    operations = [
        migrations.AlterField(
            model_name="coupon",
            name="code",
            field=shop.db.fields.UpperCodeField(help_text="Not case-sensitive.", max_length=40, unique=True),
        ),
        migrations.AlterField(
            model_name="coupon",
            name="kind",
            field=models.CharField(
                choices=[("percentage", "Percentage"), ("fixed", "Fixed amount")], max_length=10, verbose_name="type"
            ),
        ),
        migrations.AlterField(
            model_name="coupon",
            name="usage_limit",
            field=models.PositiveIntegerField(
                blank=True, help_text="Total uses. Leave empty for unlimited.", null=True
            ),
        ),
    ]
