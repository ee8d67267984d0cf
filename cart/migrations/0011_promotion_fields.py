"""What promotions can do beyond coupons, and uses that are reserved."""

import datetime
from decimal import Decimal

import django.core.validators
import django.db.models.deletion
import django_mongodb_backend.fields
from django.conf import settings
from django.db import migrations, models

import catalog.tags
import shop.db.fields


class Migration(migrations.Migration):
    dependencies = [
        ("cart", "0010_promotions"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="promotion",
            name="applies_to",
            field=models.CharField(
                choices=[
                    ("everything", "Everything"),
                    ("products", "Products"),
                    ("categories", "Categories, with their subcategories"),
                    ("collections", "Collections"),
                    ("tags", "Tags"),
                ],
                default="everything",
                max_length=20,
            ),
        ),
        migrations.AddField(
            model_name="promotion",
            name="automatic",
            field=models.BooleanField(default=False, help_text="Applies to every cart that meets its conditions."),
        ),
        migrations.AddField(
            model_name="promotion",
            name="buy_quantity",
            field=models.PositiveIntegerField(
                blank=True,
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(1000),
                ],
                verbose_name="buy",
            ),
        ),
        migrations.AddField(
            model_name="promotion",
            name="combinable",
            field=models.BooleanField(
                default=True, help_text="If not, it applies only if it comes first, and then excludes all others."
            ),
        ),
        migrations.AddField(
            model_name="promotion",
            name="first_order_only",
            field=models.BooleanField(
                default=False, help_text="For customers without an earlier order, by account or e-mail address."
            ),
        ),
        migrations.AddField(
            model_name="promotion",
            name="get_quantity",
            field=models.PositiveIntegerField(
                blank=True,
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(1000),
                ],
                verbose_name="get",
            ),
        ),
        migrations.AddField(
            model_name="promotion",
            name="minimum_quantity",
            field=models.PositiveIntegerField(
                default=0,
                help_text="Units of the items that the promotion applies to.",
                validators=[django.core.validators.MaxValueValidator(100000)],
            ),
        ),
        migrations.AddField(
            model_name="promotion",
            name="name",
            field=models.CharField(
                blank=True, default="", help_text="Shown to shoppers. Leave empty to show the code.", max_length=120
            ),
        ),
        migrations.AddField(
            model_name="promotion",
            name="priority",
            field=models.IntegerField(
                default=0,
                help_text="The highest applies first.",
                validators=[
                    django.core.validators.MinValueValidator(-1000),
                    django.core.validators.MaxValueValidator(1000),
                ],
            ),
        ),
        migrations.AddField(
            model_name="promotion",
            name="targets",
            field=django_mongodb_backend.fields.ArrayField(
                base_field=django_mongodb_backend.fields.ObjectIdField(), blank=True, default=list, editable=False
            ),
        ),
        migrations.AlterField(
            model_name="promotion",
            name="kind",
            field=models.CharField(
                choices=[
                    ("percentage", "Percentage"),
                    ("fixed", "Fixed amount"),
                    ("free_shipping", "Free shipping"),
                    ("buy_x_get_y", "Buy X, get Y"),
                ],
                max_length=20,
                verbose_name="type",
            ),
        ),
        migrations.AlterField(
            model_name="promotion",
            name="minimum_subtotal",
            field=models.DecimalField(
                decimal_places=3,
                default=Decimal("0"),
                help_text="Of the items that the promotion applies to, before discounts.",
                max_digits=14,
                validators=[django.core.validators.MinValueValidator(Decimal("0"))],
            ),
        ),
        migrations.AlterField(
            model_name="promotion",
            name="usage_limit_per_customer",
            field=models.PositiveIntegerField(
                blank=True,
                db_column="usage_limit_per_user",
                help_text="By account or e-mail address.",
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(1000000),
                ],
            ),
        ),
        migrations.AlterField(
            model_name="promotion",
            name="valid_from",
            field=models.DateTimeField(blank=True, null=True, verbose_name="starts"),
        ),
        migrations.AlterField(
            model_name="promotion",
            name="valid_until",
            field=models.DateTimeField(blank=True, null=True, verbose_name="ends"),
        ),
        migrations.AlterField(
            model_name="promotion",
            name="value",
            field=models.DecimalField(
                decimal_places=3,
                default=Decimal("0"),
                max_digits=14,
                validators=[django.core.validators.MinValueValidator(Decimal("0"))],
            ),
        ),
        migrations.AlterField(
            model_name="promotionuse",
            name="order_number",
            field=models.CharField(blank=True, max_length=32),
        ),
        migrations.AddField(
            model_name="promotion",
            name="tags",
            field=shop.db.fields.TagsField(
                models.CharField(max_length=50),
                blank=True,
                default=list,
                size=None,
                validators=[catalog.tags.validate_tags],
            ),
        ),
        # Earlier uses are read with the default.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddField(
                    model_name="promotionuse",
                    name="reserved_at",
                    field=models.DateTimeField(editable=False, null=True),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="promotion",
            index=models.Index(
                condition=models.Q(("automatic", True)), fields=["is_active"], name="promotion_automatic"
            ),
        ),
        migrations.AddIndex(
            model_name="promotionuse",
            index=models.Index(fields=["promotion", "order_number"], name="promotion_use_free"),
        ),
        migrations.AddIndex(
            model_name="promotionuse",
            index=models.Index(
                condition=models.Q(("reserved_at__gte", datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.UTC))),
                fields=["reserved_at"],
                name="promotion_use_reserved",
            ),
        ),
        # Its index is dropped last.
        migrations.AlterField(
            model_name="promotionuse",
            name="promotion",
            field=models.ForeignKey(
                db_column="coupon_id",
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="uses",
                to="cart.promotion",
            ),
        ),
    ]
