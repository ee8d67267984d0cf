from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("payments", "0003_failed_attempts")]

    operations = [
        migrations.RemoveIndex(model_name="payment", name="payment_network_declines"),
        migrations.AddIndex(
            model_name="payment",
            index=models.Index(
                condition=models.Q(("opened_from__gt", "")),
                fields=["opened_from", "last_declined_at"],
                name="payment_network_declines",
            ),
        ),
    ]
