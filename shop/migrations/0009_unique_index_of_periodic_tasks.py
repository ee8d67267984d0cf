from django.db import migrations

from shop.db.migration_operations import replace_unique_indexes


class Migration(migrations.Migration):
    dependencies = [("shop", "0008_job_kind")]

    operations = [replace_unique_indexes("shop.PeriodicTask")]
