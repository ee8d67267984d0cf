"""The users of the access tables."""

from collections.abc import Callable
from datetime import timedelta

from django.contrib.auth.models import Group, Permission
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.api_keys.models import ApiKey
from accounts.models import User
from shop.dev.testing.api_keys import key_client
from shop.dev.testing.groups import make_groups

ROLES = {"editor": "Catalogue editors", "desk": "Order desk", "reader": "Read-only"}


def in_role(user: User, role: str) -> User:
    """Make a user staff in one of the default groups."""
    user.groups.add(Group.objects.get(name=ROLES[role]))
    User.objects.filter(pk=user.pk).update(is_staff=True)
    return User.objects.get(pk=user.pk)


def make_people(make_user: Callable[..., User]) -> dict[str, User | None]:
    """Create the users, by their names in the tables."""
    make_groups()
    staff = {role: in_role(make_user(email=f"{role}@access.test"), role) for role in ROLES}
    return {
        "nobody": None,
        "guest": None,
        "owner": make_user(email="owner@access.test"),
        "other": make_user(email="other@access.test"),
        **staff,
        "boss": make_user(email="boss@access.test", is_staff=True, is_superuser=True),
    }


def key_clients(boss: User) -> dict[str, APIClient]:
    """Return the clients of the API keys."""
    everything = [f"{app}.{codename}" for codename, app, _ in map(Permission.natural_key, Permission.objects.all())]
    clients = {"key": key_client(boss, everything), "bare": key_client(boss, [])}
    # No request records its use, which the tests would see as a change.
    ApiKey.objects.update(last_used_at=timezone.now() + timedelta(days=1))
    return clients
