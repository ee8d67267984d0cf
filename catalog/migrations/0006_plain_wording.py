"""Wording of labels and help texts; changes no data."""

from decimal import Decimal

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0005_plain_hyphens"),
    ]

    operations = [
        migrations.AlterField(
            model_name="category",
            name="position",
            field=models.PositiveIntegerField(default=0, help_text="Sort order (lowest first)."),
        ),
        migrations.AlterField(
            model_name="importrun",
            name="encoding",
            field=models.CharField(
                choices=[("utf-8", "Unicode (UTF-8)"), ("cp1252", "Windows-1252 (Excel in Western Europe)")],
                default="utf-8",
                help_text="For CSV files. Not needed for Excel's “CSV UTF-8” and XLSX files.",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="importrun",
            name="state",
            field=models.CharField(
                choices=[
                    ("checking", "Checking"),
                    ("refused", "Has errors"),
                    ("ready", "Checked"),
                    ("applying", "Importing"),
                    ("done", "Done"),
                    ("discarded", "Discarded"),
                ],
                default="checking",
                editable=False,
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="product",
            name="compare_at_price",
            field=models.DecimalField(
                blank=True,
                decimal_places=3,
                help_text="The original price, shown struck through.",
                max_digits=14,
                null=True,
                validators=[django.core.validators.MinValueValidator(Decimal("0"))],
            ),
        ),
        migrations.AlterField(
            model_name="product",
            name="is_active",
            field=models.BooleanField(
                default=True, help_text="Inactive products are neither shown nor sold.", verbose_name="active"
            ),
        ),
        migrations.AlterField(
            model_name="product",
            name="sales",
            field=models.PositiveIntegerField(default=0, editable=False, help_text="Units sold."),
        ),
        migrations.AlterField(
            model_name="productimage",
            name="alt",
            field=models.CharField(blank=True, help_text="Describes the image for screen readers.", max_length=200),
        ),
        migrations.AlterField(
            model_name="stockmovement",
            name="reason",
            field=models.CharField(
                choices=[
                    ("initial", "Initial stock"),
                    ("adjustment", "Staff adjustment"),
                    ("import", "Import"),
                    ("order", "Order placed"),
                    ("cancellation", "Order cancelled"),
                    ("expiry", "Order expired"),
                ],
                max_length=20,
            ),
        ),
    ]
