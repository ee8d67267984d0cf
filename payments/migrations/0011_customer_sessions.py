from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("payments", "0010_payment_by_guest")]

    operations = [
        # Payments without them are read with the defaults.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddField(
                    model_name="payment",
                    name="customer_session",
                    field=models.CharField(blank=True, default="", editable=False, max_length=255),
                ),
                migrations.AddField(
                    model_name="payment",
                    name="customer_session_until",
                    field=models.DateTimeField(blank=True, editable=False, null=True),
                ),
            ],
        ),
        migrations.RemoveField(model_name="stripecustomer", name="email"),
    ]
