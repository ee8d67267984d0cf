from collections.abc import Iterable
from functools import cache
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, Permission
from django.http import HttpRequest

from accounts.models import User
from accounts.passwords import spellings
from shop.db import documents


class EmailBackend(ModelBackend):
    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        if username is None or password is None:
            return None
        try:
            user = User.objects.get_by_natural_key(username)
        except User.DoesNotExist:
            # Hash as often as for an existing account, so that timing reveals nothing.
            for each in spellings(password):
                make_password(each)
            return None
        return user if user.check_password(password) and self.user_can_authenticate(user) else None

    def get_user_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        if not _has_rows(user_obj, obj):
            return super().get_user_permissions(user_obj, obj)
        return _names(documents.aggregate(User.user_permissions.through, [{"$match": {"user_id": user_obj.pk}}]))

    def get_group_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        if not _has_rows(user_obj, obj):
            return super().get_group_permissions(user_obj, obj)
        granted = {
            "from": Group.permissions.through._meta.db_table,
            "localField": "group_id",
            "foreignField": "group_id",
            "as": "granted",
        }
        pipeline = [
            {"$match": {"user_id": user_obj.pk}},
            {"$lookup": granted},
            {"$unwind": "$granted"},
            {"$project": {"permission_id": "$granted.permission_id"}},
        ]
        return _names(documents.aggregate(User.groups.through, pipeline))


def _has_rows(user: Any, obj: Any) -> bool:
    """Superusers have all permissions, others those of their rows, which Django joins to all permissions there are."""
    return user.is_active and not user.is_superuser and obj is None


def _names(rows: Iterable[documents.Document]) -> set[str]:
    return {_name(row["permission_id"]) for row in rows} - {""}


@cache
def _name(permission: Any) -> str:
    """Return ``app.codename``, or "" if the permission has been deleted; only migrations change it."""
    found = Permission.objects.filter(pk=permission).first()
    if found is None:
        return ""
    codename, app, _ = found.natural_key()
    return f"{app}.{codename}"
