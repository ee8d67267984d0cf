"""Who may do something with coupons may do it with promotions. The permissions for coupons are left for the earlier
release, which may still serve.
"""

from typing import Any

from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.db import migrations

FORMER = "coupon"


def grant(apps: Apps, schema_editor: Any = None) -> None:
    config = apps.get_app_config("cart")
    # `create_permissions` needs it, and the state of migrations lacks it.
    config.models_module = getattr(config, "models_module", None) or True
    create_permissions(config, apps=apps, verbosity=0)
    permissions = apps.get_model("auth", "Permission").objects.filter(content_type__app_label="cart")
    for former in permissions.filter(content_type__model=FORMER):
        codename = former.codename.replace(FORMER, "promotion")
        permission = permissions.get(content_type__model="promotion", codename=codename)
        for group in former.group_set.all():
            group.permissions.add(permission)
        for user in former.user_set.all():
            user.user_permissions.add(permission)


def rename_in_staff_log(apps: Apps, schema_editor: Any) -> None:
    actions = schema_editor.connection.database["shop_staffaction"]
    actions.update_many({"model": f"cart.{FORMER}"}, {"$set": {"model": "cart.promotion"}})


class Migration(migrations.Migration):
    dependencies = [
        ("cart", "0011_promotion_fields"),
        ("accounts", "0001_initial"),
        ("auth", "0001_initial"),
        ("contenttypes", "0001_initial"),
        ("shop", "0002_role_groups"),
    ]

    operations = [
        migrations.RunPython(grant, migrations.RunPython.noop),
        migrations.RunPython(rename_in_staff_log, migrations.RunPython.noop),
    ]
