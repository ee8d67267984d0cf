from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("cart", "0013_promotion_revision"),
    ]

    operations = [
        # The collection keeps its name.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RenameModel("PromotionRevision", "PriceRevision"),
                migrations.AlterModelTable("PriceRevision", "cart_promotionrevision"),
            ]
        ),
    ]
