"""Who may: everybody reads the catalogue; staff write by their model permissions."""

from django.views import View
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request


class HasModelPermission(BasePermission):
    """Staff who hold the Django permission that the view asks for in ``get_required_permission()``.

    Reading stays open where the view says ``public_reads = True``, and so does what the view names no permission for:
    it has no such method, and will say so.
    """

    def has_permission(self, request: Request, view: View) -> bool:
        if getattr(view, "public_reads", False) and request.method in SAFE_METHODS:
            return True
        permission = view.get_required_permission()
        if permission is None:
            return True
        user = request.user
        return bool(user.is_authenticated and user.is_staff and user.has_perm(permission))
