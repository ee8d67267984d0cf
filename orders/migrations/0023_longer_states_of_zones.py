import django_mongodb_backend.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0022_order_claimed_at"),
    ]

    operations = [
        migrations.AlterField(
            model_name="shippingzone",
            name="states",
            field=django_mongodb_backend.fields.ArrayField(
                base_field=models.CharField(max_length=120), blank=True, default=list
            ),
        ),
    ]
