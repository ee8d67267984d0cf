from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_plain_wording"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="user",
            index=models.Index(condition=models.Q(("avatar__gt", "")), fields=["avatar"], name="user_avatar"),
        ),
    ]
