"""Coupons become promotions, in the same collections: earlier releases go on serving while this one starts."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cart", "0009_guest_coupon_uses"),
        # It gives permissions for coupons.
        ("shop", "0002_role_groups"),
    ]

    operations = [
        # The names of collections and columns stay, so only the state of the migrations changes.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveIndex(model_name="couponuse", name="coupon_use_email"),
                migrations.RemoveConstraint(model_name="couponuse", name="one_coupon_use_per_number"),
                migrations.AlterModelTable(name="coupon", table="cart_coupon"),
                migrations.AlterModelTable(name="couponuse", table="cart_couponuse"),
                migrations.RenameModel(old_name="Coupon", new_name="Promotion"),
                migrations.RenameModel(old_name="CouponUse", new_name="PromotionUse"),
                migrations.AlterField(
                    model_name="promotionuse",
                    name="coupon",
                    field=models.ForeignKey(
                        db_column="coupon_id",
                        on_delete=models.CASCADE,
                        related_name="uses",
                        to="cart.promotion",
                    ),
                ),
                migrations.RenameField(model_name="promotionuse", old_name="coupon", new_name="promotion"),
                migrations.AddIndex(
                    model_name="promotionuse",
                    index=models.Index(
                        fields=["email_digest", "promotion"],
                        condition=models.Q(("email_digest__gt", "")),
                        name="coupon_use_email",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="promotionuse",
                    constraint=models.UniqueConstraint(
                        fields=["email_digest", "promotion", "number"],
                        condition=models.Q(("number__gte", 0)),
                        name="one_coupon_use_per_number",
                    ),
                ),
                migrations.AlterField(
                    model_name="promotion",
                    name="usage_limit_per_user",
                    field=models.PositiveIntegerField(blank=True, db_column="usage_limit_per_user", null=True),
                ),
                migrations.RenameField(
                    model_name="promotion", old_name="usage_limit_per_user", new_name="usage_limit_per_customer"
                ),
            ],
        ),
    ]
