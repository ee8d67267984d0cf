"""Wording of labels and help texts; changes no data."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("shop", "0002_role_groups"),
    ]

    operations = [
        migrations.AlterField(
            model_name="job",
            name="given_up_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="failed at"),
        ),
        migrations.AlterField(
            model_name="staffaction",
            name="action",
            field=models.CharField(
                choices=[
                    ("add", "added"),
                    ("change", "changed"),
                    ("delete", "deleted"),
                    ("stock", "changed the stock"),
                    ("cancel", "cancelled"),
                    ("ship", "marked as shipped"),
                    ("deliver", "marked as delivered"),
                    ("settle", "resolved the flag of"),
                    ("refund", "refunded"),
                    ("replay", "replayed"),
                    ("run", "ran"),
                    ("mail", "sent an e-mail to"),
                ],
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="staffaction",
            name="model",
            field=models.CharField(max_length=60, verbose_name="object type"),
        ),
        migrations.AlterField(
            model_name="staffaction",
            name="via",
            field=models.CharField(choices=[("admin", "admin"), ("api", "API")], max_length=5, verbose_name="source"),
        ),
    ]
