from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("payments", "0009_stripe_customers")]

    operations = [
        # Payments without it are read with the default.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddField(
                    model_name="payment",
                    name="by_guest",
                    field=models.BooleanField(default=False, editable=False),
                ),
            ],
        ),
    ]
