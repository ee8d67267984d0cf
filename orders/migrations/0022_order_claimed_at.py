from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0021_discounts")]

    operations = [
        # Orders without it are read with the default.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddField(
                    model_name="order",
                    name="claimed_at",
                    field=models.DateTimeField(blank=True, editable=False, null=True),
                ),
            ],
        ),
    ]
