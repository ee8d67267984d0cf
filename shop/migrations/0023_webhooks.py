from typing import Any

import django.core.validators
import django.utils.timezone
import django_mongodb_backend.fields
from django.db import migrations, models

import shop.db.fields
import shop.db.mongodb
import shop.webhooks.models
from shop.db.groups import extend_groups

NEW_ROLES = {
    "Read-only": {
        "shop.change": ("view",),
        "shop.webhookendpoint": ("view",),
        "shop.webhookdelivery": ("view",),
    }
}


def extend(apps: Any, schema_editor: Any) -> None:
    extend_groups(apps, NEW_ROLES)


class Migration(migrations.Migration):
    dependencies = [
        ("shop", "0022_changes"),
    ]

    operations = [
        migrations.CreateModel(
            name="WebhookAttempt",
            fields=[
                (
                    "id",
                    django_mongodb_backend.fields.ObjectIdAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField()),
                ("status_code", models.PositiveSmallIntegerField(null=True)),
                ("milliseconds", models.PositiveIntegerField()),
                ("error", models.CharField(blank=True, max_length=300)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="WebhookEndpoint",
            fields=[
                (
                    "id",
                    django_mongodb_backend.fields.ObjectIdAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "url",
                    models.CharField(
                        max_length=500, validators=[shop.webhooks.models.validate_url], verbose_name="URL"
                    ),
                ),
                ("description", shop.db.fields.LabelField(blank=True, default="", max_length=200)),
                (
                    "types",
                    django_mongodb_backend.fields.ArrayField(
                        base_field=models.CharField(max_length=60),
                        validators=[
                            django.core.validators.MaxLengthValidator(100),
                            shop.webhooks.models.validate_types,
                        ],
                        verbose_name="events",
                    ),
                ),
                ("enabled", models.BooleanField(default=True)),
                ("disabled_reason", models.CharField(blank=True, default="", editable=False, max_length=300)),
                ("disabled_at", models.DateTimeField(editable=False, null=True)),
                ("slot", models.PositiveSmallIntegerField(editable=False, unique=True)),
                ("salt", models.CharField(editable=False, max_length=40)),
                ("fingerprint", models.CharField(editable=False, max_length=40)),
                ("former_salt", models.CharField(blank=True, default="", editable=False, max_length=40)),
                ("former_fingerprint", models.CharField(blank=True, default="", editable=False, max_length=40)),
                ("former_until", models.DateTimeField(editable=False, null=True)),
                ("failures", models.PositiveIntegerField(default=0, editable=False)),
                ("paused_until", models.DateTimeField(editable=False, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                "verbose_name": "webhook endpoint",
            },
        ),
        migrations.CreateModel(
            name="WebhookDelivery",
            fields=[
                (
                    "id",
                    django_mongodb_backend.fields.ObjectIdAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("endpoint", django_mongodb_backend.fields.ObjectIdField()),
                ("sequence", models.PositiveBigIntegerField()),
                ("type", models.CharField(max_length=60, verbose_name="event")),
                ("kind", models.CharField(max_length=20)),
                ("object_id", models.CharField(max_length=40, verbose_name="object")),
                ("parent", models.CharField(blank=True, default="", max_length=40)),
                ("subject", models.CharField(max_length=70)),
                ("changed_at", models.DateTimeField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("held", "Behind another one"),
                            ("pending", "Pending"),
                            ("succeeded", "Succeeded"),
                            ("failed", "Failed"),
                        ],
                        max_length=10,
                    ),
                ),
                ("run_at", models.DateTimeField(null=True)),
                ("is_leased", models.BooleanField(default=False)),
                ("followers", models.PositiveIntegerField(default=0)),
                ("tries", models.PositiveIntegerField(default=0)),
                (
                    "attempts",
                    django_mongodb_backend.fields.EmbeddedModelArrayField(
                        default=list, embedded_model=shop.webhooks.models.WebhookAttempt
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("finished_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name": "webhook delivery",
                "verbose_name_plural": "webhook deliveries",
                "default_permissions": ("view", "change"),
                "indexes": [
                    models.Index(fields=["endpoint", "status", "run_at"], name="delivery_due"),
                    models.Index(fields=["endpoint", "subject", "status", "sequence"], name="delivery_subject"),
                    models.Index(fields=["endpoint", "-id"], name="delivery_log"),
                    models.Index(fields=["endpoint", "status", "-id"], name="delivery_log_status"),
                    models.Index(fields=["status", "-id"], name="delivery_status"),
                    shop.db.mongodb.TTLIndex(fields=["finished_at"], name="delivery_expiry", seconds=2592000),
                ],
            },
        ),
        migrations.RunPython(extend, migrations.RunPython.noop),
    ]
