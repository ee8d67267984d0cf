from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request


def staff_may(user: Any, *permissions: str) -> bool:
    return bool(user.is_authenticated and user.is_staff and any(map(user.has_perm, permissions)))


class HasModelPermission(BasePermission):
    """Allow staff with the view's ``get_required_permission()``, and reads if ``public_reads``.

    No permission means an unsupported method, answered with 405.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if getattr(view, "public_reads", False) and request.method in SAFE_METHODS:
            return True
        permission = view.get_required_permission()
        return permission is None or staff_may(request.user, permission)
