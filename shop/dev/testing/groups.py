from importlib import import_module
from pkgutil import iter_modules

from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType

from shop import migrations
from shop.db.groups import extend_groups


def make_groups() -> None:
    """Make the default groups of staff as the migrations do, whose groups an earlier test's cleanup has deleted."""
    _make_permission_for_coupons()
    modules = [import_module(f"shop.migrations.{each.name}") for each in iter_modules(migrations.__path__)]
    import_module("shop.migrations.0002_role_groups").make_groups(apps)
    for module in modules:
        if hasattr(module, "NEW_ROLES"):
            extend_groups(apps, module.NEW_ROLES)
    import_module("cart.migrations.0012_promotion_permissions").grant(apps)


def _make_permission_for_coupons() -> None:
    """Make the permission for a model that has become another."""
    kind, _ = ContentType.objects.get_or_create(app_label="cart", model="coupon")
    Permission.objects.get_or_create(content_type=kind, codename="view_coupon", defaults={"name": "Can view coupon"})
