"""Wording of labels and help texts; changes no data."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0009_longer_statuses"),
    ]

    operations = [
        migrations.AlterField(
            model_name="shippingmethod",
            name="is_pickup",
            field=models.BooleanField(
                default=False,
                help_text="Customers collect the order; it is taxed at the place of pick-up.",
                verbose_name="is a pick-up",
            ),
        ),
        migrations.AlterField(
            model_name="shippingmethod",
            name="pickup_state",
            field=models.CharField(
                blank=True,
                default="",
                help_text="A code (CA) or a name (California). Required where tax rates are by state.",
                max_length=120,
                verbose_name="state of the pick-up",
            ),
        ),
        migrations.AlterField(
            model_name="taxrate",
            name="state",
            field=models.CharField(
                blank=True,
                help_text="A code (CA) or a name (California). Leave empty to apply to the whole country.",
                max_length=120,
            ),
        ),
        migrations.AlterField(
            model_name="timelineentry",
            name="event",
            field=models.CharField(
                choices=[
                    ("placed", "Placed"),
                    ("payment_processing", "Payment processing"),
                    ("payment_failed", "Payment failed"),
                    ("paid", "Paid"),
                    ("cancelled", "Cancelled"),
                    ("expired", "Expired"),
                    ("refunded", "Refunded"),
                    ("disputed", "Disputed"),
                    ("dispute_won", "Dispute won"),
                    ("dispute_lost", "Dispute lost"),
                    ("flagged", "Flagged"),
                    ("flag_settled", "Flag resolved"),
                    ("shipped", "Shipped"),
                    ("delivered", "Delivered"),
                ],
                max_length=20,
            ),
        ),
    ]
