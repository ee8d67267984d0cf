from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("shop", "0003_plain_wording"),
    ]

    operations = [
        migrations.AddField(
            model_name="periodictask",
            name="cursor",
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="periodictask",
            name="failures",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="job",
            name="digest",
            field=models.CharField(blank=True, max_length=32),
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(condition=models.Q(("attempts", 0)), fields=["digest"], name="job_untried"),
        ),
    ]
