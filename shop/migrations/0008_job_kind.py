from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("shop", "0007_admin_lists"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="job",
            index=models.Index(fields=["kind"], name="job_kind"),
        ),
    ]
