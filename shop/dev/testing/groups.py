from importlib import import_module
from pkgutil import iter_modules

from django.apps import apps

from shop import migrations
from shop.db.groups import extend_groups


def make_groups() -> None:
    """Make the default groups of staff as the migrations do, whose groups an earlier test's cleanup has deleted."""
    modules = [import_module(f"shop.migrations.{each.name}") for each in iter_modules(migrations.__path__)]
    import_module("shop.migrations.0002_role_groups").make_groups(apps)
    for module in modules:
        if hasattr(module, "NEW_ROLES"):
            extend_groups(apps, module.NEW_ROLES)
