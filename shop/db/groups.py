"""Permissions of the default groups of staff, for migrations that add models."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions

# By group and model, the verbs: ``{"Read-only": {"orders.order": ("view",)}}``.
Roles = Mapping[str, Mapping[str, Sequence[str]]]


def extend_groups(apps: Apps, roles: Roles) -> None:
    """Add permissions to groups, and remove none; a group that staff deleted stays deleted."""
    groups, permissions = apps.get_model("auth", "Group").objects, apps.get_model("auth", "Permission").objects
    _make_permissions(apps)
    for group in groups.filter(name__in=list(roles)):
        for model, verbs in roles[group.name].items():
            app, model_name = model.split(".")
            codenames = [f"{verb}_{model_name}" for verb in verbs]
            group.permissions.add(*permissions.filter(content_type__app_label=app, codename__in=codenames))


def _make_permissions(apps: Any) -> None:
    """Create the permissions of all models now: Django creates them after the last migration."""
    for config in apps.get_app_configs():
        # The configurations in a migration's state lack it.
        config.models_module = getattr(config, "models_module", None) or True
        create_permissions(config, apps=apps, verbosity=0)
