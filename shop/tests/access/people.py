"""The users of the access tables."""

from collections.abc import Callable

from django.contrib.auth.models import Group

from accounts.models import User
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
