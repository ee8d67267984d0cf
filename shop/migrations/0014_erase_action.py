from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0013_collection_groups")]

    operations = [
        migrations.AlterField(
            model_name="staffaction",
            name="action",
            field=models.CharField(
                choices=[
                    ("add", "added"),
                    ("change", "changed"),
                    ("delete", "deleted"),
                    ("stock", "changed the stock"),
                    ("cancel", "cancelled"),
                    ("ship", "marked as shipped"),
                    ("deliver", "marked as delivered"),
                    ("settle", "resolved the flag of"),
                    ("erase", "erased the personal data of"),
                    ("refund", "refunded"),
                    ("replay", "replayed"),
                    ("run", "ran"),
                    ("mail", "sent an e-mail to"),
                ],
                max_length=10,
            ),
        ),
    ]
