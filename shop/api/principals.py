"""The user of a request that is authenticated by an API key instead of an account."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from bson import ObjectId


@dataclass(frozen=True)
class KeyPrincipal:
    """Staff with the permissions of an API key, and without an account: ``pk`` is the key's."""

    pk: ObjectId
    name: str
    permissions: frozenset[str]

    is_authenticated: ClassVar[bool] = True
    is_anonymous: ClassVar[bool] = False
    is_active: ClassVar[bool] = True
    is_staff: ClassVar[bool] = True
    is_superuser: ClassVar[bool] = False

    def __str__(self) -> str:
        return self.name

    def has_perm(self, permission: str, obj: Any = None) -> bool:
        return permission in self.permissions

    def has_perms(self, permissions: Iterable[str], obj: Any = None) -> bool:
        return self.permissions.issuperset(permissions)

    def has_module_perms(self, app_label: str) -> bool:
        return any(permission.startswith(f"{app_label}.") for permission in self.permissions)

    def get_all_permissions(self, obj: Any = None) -> set[str]:
        return set(self.permissions)


def is_key(user: Any) -> bool:
    return isinstance(user, KeyPrincipal)
