import django_mongodb_backend.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0032_items_cancelled")]

    operations = [
        # `orders.backfill` writes the words of existing orders.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddField(
                    model_name="order",
                    name="search_words",
                    field=django_mongodb_backend.fields.ArrayField(
                        base_field=models.CharField(max_length=64), blank=True, default=list, editable=False
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(fields=["search_words", "-id"], name="order_search_words"),
        ),
    ]
