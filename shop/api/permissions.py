from typing import Any

from rest_framework.permissions import SAFE_METHODS, AllowAny, BasePermission, IsAuthenticated
from rest_framework.request import Request

from shop.api.principals import KeyPrincipal, is_key

# Names of security schemes of the OpenAPI description.
ACCESS_TOKEN, API_KEY = "accessToken", "apiKey"


def staff_may(user: Any, *permissions: str) -> bool:
    return bool(user.is_authenticated and user.is_staff and any(map(user.has_perm, permissions)))


class HasModelPermission(BasePermission):
    """Allow staff with the view's ``get_required_permission()``, or one of several, and reads if ``public_reads``.

    None means an unsupported method, answered with 405.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if getattr(view, "public_reads", False) and request.method in SAFE_METHODS:
            return True
        permission = view.get_required_permission()
        if isinstance(permission, str):
            permission = (permission,)
        return permission is None or staff_may(request.user, *permission)


class HasAccount(IsAuthenticated):
    """Allow users with an account, and API keys in actions that the view's ``key_permissions`` names.

    A key needs all permissions of its action. Keys never act as customers.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        user: Any = request.user
        return _key_may(user, request, view) if is_key(user) else super().has_permission(request, view)

    def refused_schemes(self, view: Any) -> tuple[str, ...]:
        return () if view.action in getattr(view, "key_permissions", {}) else (API_KEY,)


class ShoppersOnly(AllowAny):
    """Allow everyone but API keys."""

    def has_permission(self, request: Request, view: Any) -> bool:
        user: Any = request.user
        return not is_key(user) or _is_only_asked_about(request, view)

    def refused_schemes(self, view: Any) -> tuple[str, ...]:
        return (API_KEY,)


class KeysOnly(IsAuthenticated):
    def has_permission(self, request: Request, view: Any) -> bool:
        user: Any = request.user
        return is_key(user) or (user.is_authenticated and _is_only_asked_about(request, view))

    def refused_schemes(self, view: Any) -> tuple[str, ...]:
        return (ACCESS_TOKEN,)


def _key_may(key: KeyPrincipal, request: Request, view: Any) -> bool:
    if _is_only_asked_about(request, view):
        return True
    required = getattr(view, "key_permissions", {}).get(view.action)
    return required is not None and key.has_perms(required)


def _is_only_asked_about(request: Request, view: Any) -> bool:
    """Return whether the method is OPTIONS, or one that the view answers with 405."""
    return (request.method or "").lower() not in view.action_map or request.method == "OPTIONS"
