"""The groups that a shop's staff begin with. Whoever is in one needs the staff flag, too.

Running it again adds what is missing and takes nothing away: a group that was extended stays extended.
"""

from typing import Any

from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.db import migrations

ALL = ("view", "add", "change", "delete")

# What each role may do with which models.
ROLES: dict[str, dict[str, tuple[str, ...]]] = {
    # Categories, products, their variants, pictures and stock.
    "Catalogue editors": {
        "catalog.category": ALL,
        "catalog.product": ALL,
        "catalog.variant": ALL,
        "catalog.productimage": ALL,
        "catalog.stockmovement": ("view",),
    },
    # Sending and cancelling orders and hiding reviews (which is changing them), and refunding what was paid.
    "Order desk": {
        "orders.order": ("view", "change"),
        "orders.review": ("view", "change"),
        "payments.payment": ("view",),
        "payments.refund": ("view", "add"),
    },
    # Everything that the admin shows.
    "Read-only": dict.fromkeys(
        (
            "accounts.user",
            "accounts.address",
            "auth.group",
            "cart.cart",
            "cart.coupon",
            "catalog.category",
            "catalog.product",
            "catalog.variant",
            "catalog.productimage",
            "catalog.stockmovement",
            "catalog.importrun",
            "orders.order",
            "orders.review",
            "orders.shippingmethod",
            "orders.taxrate",
            "payments.payment",
            "payments.refund",
            "payments.stripeevent",
            "shop.job",
            "shop.periodictask",
            "shop.staffaction",
        ),
        ("view",),
    ),
}


def make_groups(apps: Apps, schema_editor: Any = None) -> None:
    groups, permissions = apps.get_model("auth", "Group").objects, apps.get_model("auth", "Permission").objects
    _make_permissions(apps)
    for name, models in ROLES.items():
        group = groups.filter(name=name).first() or groups.create(name=name)
        for model, verbs in models.items():
            app, model_name = model.split(".")
            codenames = [f"{verb}_{model_name}" for verb in verbs]
            found = permissions.filter(content_type__app_label=app, codename__in=codenames)
            if len(found) != len(codenames):
                raise RuntimeError(f"There is not every one of the permissions {codenames} of {app}.")
            group.permissions.add(*found)


def _make_permissions(apps: Apps) -> None:
    """Make the permissions of all models now: Django makes them only after the last migration."""
    for config in apps.get_app_configs():
        # What it goes by, and what the configurations in a migration's state lack.
        config.models_module = getattr(config, "models_module", None) or True
        create_permissions(config, apps=apps, verbosity=0)


class Migration(migrations.Migration):
    dependencies = [
        ("shop", "0001_initial"),
        ("accounts", "0001_initial"),
        ("auth", "0001_initial"),
        ("cart", "0001_initial"),
        ("catalog", "0001_initial"),
        ("orders", "0001_initial"),
        ("payments", "0001_initial"),
    ]

    # The groups stay when it is taken back: people are in them.
    operations = [migrations.RunPython(make_groups, migrations.RunPython.noop)]
