from collections.abc import Iterable
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.http import HttpRequest

from accounts.models import User
from accounts.passwords import spellings


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
        if not _needs_permissions(user_obj, obj):
            return super().get_user_permissions(user_obj, obj)
        granted = User.user_permissions.through.objects.filter(user=user_obj.pk)
        return _names(granted.values_list("permission_id", flat=True))

    def get_group_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        if not _needs_permissions(user_obj, obj):
            return super().get_group_permissions(user_obj, obj)
        groups = User.groups.through.objects.filter(user=user_obj.pk).values_list("group_id", flat=True)
        granted = Group.permissions.through.objects.filter(group__in=list(groups))
        return _names(granted.values_list("permission_id", flat=True))


def _needs_permissions(user: Any, obj: Any) -> bool:
    return user.is_active and not user.is_superuser and obj is None


def _names(permissions: Iterable[Any]) -> set[str]:
    """Return ``app.codename`` of each. Django would join all permissions with those of all users and groups."""
    rows = Permission.objects.filter(pk__in=list(permissions))
    found: Iterable[tuple[Any, str]] = rows.values_list("content_type_id", "codename")
    return {f"{ContentType.objects.get_for_id(content_type).app_label}.{codename}" for content_type, codename in found}
