from collections.abc import Collection
from typing import Any

from rest_framework.exceptions import PermissionDenied

from accounts import hooks, tokens
from accounts.errors import OwnAccount
from accounts.models import User
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.changes import record
from shop.db.transactions import transactional


def may_edit(editor: Any, user: User) -> bool:
    """Return False for closed accounts, and for those of staff unless the editor is a superuser."""
    return user.closed_at is None and (editor.is_superuser or not (user.is_staff or user.is_superuser))


@transactional("accounts.set_active")
def set_active(*, user: User, is_active: bool, editor: Any) -> User:
    """Raises ``DoesNotExist``, ``PermissionDenied``, :class:`OwnAccount`."""
    user = User.objects.get(pk=user.pk, closed_at=None)
    if not may_edit(editor, user):
        raise PermissionDenied
    if user.pk == editor.pk and not is_active:
        raise OwnAccount
    if user.is_active != is_active:
        User.objects.filter(pk=user.pk).update(is_active=is_active)
        user.is_active = is_active
        apply_changes(user=user, changed=["is_active"])
        record("customer.updated", user.pk)
        staff_log.record(Action.CHANGE, user, fields=["is_active"])
    return User.objects.get(pk=user.pk)


def apply_changes(*, user: User, changed: Collection[str]) -> None:
    """Revoke the logins of a deactivated account and of new staff; call the hooks of a verified account.

    Call it in the transaction of the change.
    """
    # The logins of a customer were not checked like those of staff.
    if "is_staff" in changed or ("is_active" in changed and not user.is_active):
        tokens.revoke_all(user)
    if {"email_verified", "is_active"} & set(changed) and user.email_verified and user.is_active:
        hooks.on_email_verified(user=user)
