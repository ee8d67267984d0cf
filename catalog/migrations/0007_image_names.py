from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0006_plain_wording"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="productimage",
            index=models.Index(fields=["name"], name="image_name"),
        ),
    ]
