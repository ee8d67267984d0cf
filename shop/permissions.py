"""Who may: everybody reads the catalogue; staff write by their model permissions."""

from typing import Any

from django.views import View
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request


def staff_may(user: Any, *permissions: str) -> bool:
    """Tell whether this is staff who hold one of these Django permissions."""
    return bool(user.is_authenticated and user.is_staff and any(map(user.has_perm, permissions)))


class HasModelPermission(BasePermission):
    """Staff who hold the Django permission that the view asks for in ``get_required_permission()``.

    Reading stays open where the view says ``public_reads = True``, and so does what the view names no permission for:
    it has no such method, and will say so.
    """

    def has_permission(self, request: Request, view: View) -> bool:
        if getattr(view, "public_reads", False) and request.method in SAFE_METHODS:
            return True
        permission = view.get_required_permission()
        return permission is None or staff_may(request.user, permission)
