from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0014_review_index")]

    operations = [
        # Orders without it are read with the default; writing it to all of them would take long.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddField(
                    model_name="order",
                    name="email",
                    field=models.EmailField(
                        blank=True, default="", editable=False, max_length=254, verbose_name="e-mail address"
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(fields=["email", "-id"], name="order_email"),
        ),
    ]
