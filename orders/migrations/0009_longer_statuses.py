from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0008_states_of_tax_rates")]

    operations = [
        migrations.AlterField(
            model_name="order",
            name="status",
            field=models.CharField(
                choices=[("pending", "Pending"), ("completed", "Completed"), ("cancelled", "Cancelled")],
                default="pending",
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="order",
            name="fulfilment_status",
            field=models.CharField(
                choices=[("unfulfilled", "Unfulfilled"), ("shipped", "Shipped"), ("delivered", "Delivered")],
                default="unfulfilled",
                max_length=20,
            ),
        ),
    ]
