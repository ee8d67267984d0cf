from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0011_shipping_zone_groups")]

    operations = [
        migrations.AddField(
            model_name="job",
            name="urgent",
            field=models.BooleanField(default=False),
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(fields=["given_up_at", "urgent", "run_at"], name="job_turn"),
        ),
        migrations.RemoveIndex(
            model_name="job",
            name="job_due",
        ),
    ]
