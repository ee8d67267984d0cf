"""Which promotion took what. Orders of earlier releases are read with the defaults."""

from decimal import Decimal

import django.core.validators
import django_mongodb_backend.fields
from django.db import migrations, models

import orders.discounts


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0020_zone_revision"),
    ]

    operations = [
        migrations.CreateModel(
            name="LineDiscount",
            fields=[
                (
                    "id",
                    django_mongodb_backend.fields.ObjectIdAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("promotion", django_mongodb_backend.fields.ObjectIdField()),
                (
                    "amount",
                    models.DecimalField(
                        decimal_places=3,
                        max_digits=14,
                        validators=[django.core.validators.MinValueValidator(Decimal("0"))],
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="OrderDiscount",
            fields=[
                (
                    "id",
                    django_mongodb_backend.fields.ObjectIdAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("promotion", django_mongodb_backend.fields.ObjectIdField(null=True)),
                ("code", models.CharField(blank=True, max_length=40)),
                ("label", models.CharField(max_length=120)),
                (
                    "amount",
                    models.DecimalField(
                        decimal_places=3,
                        max_digits=14,
                        validators=[django.core.validators.MinValueValidator(Decimal("0"))],
                    ),
                ),
                (
                    "shipping",
                    models.DecimalField(
                        decimal_places=3,
                        default=Decimal("0"),
                        max_digits=14,
                        validators=[django.core.validators.MinValueValidator(Decimal("0"))],
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddField(
                    model_name="order",
                    name="discounts",
                    field=django_mongodb_backend.fields.EmbeddedModelArrayField(
                        blank=True, default=list, embedded_model=orders.discounts.OrderDiscount
                    ),
                ),
                migrations.AddField(
                    model_name="orderline",
                    name="discounts",
                    field=django_mongodb_backend.fields.EmbeddedModelArrayField(
                        blank=True, default=list, embedded_model=orders.discounts.LineDiscount
                    ),
                ),
            ],
        ),
    ]
