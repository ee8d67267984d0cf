"""Closed accounts: deleted ones with more rows than one transaction should change. A job deletes the rest."""

from django.contrib.auth.hashers import make_password
from django.db.models import F, Model
from django.utils import timezone

from accounts import hooks
from accounts.models import Address, CustomerNote, KnownNetwork, SecondFactor, TokenFamily, User
from shop import jobs
from shop.changes import record
from shop.db.batches import first_keys

# Of each kind, in one transaction.
ROWS_AT_ONCE = 200

_OWN_ROWS: tuple[type[Model], ...] = (Address, CustomerNote, TokenFamily, KnownNetwork, SecondFactor)


def detach_rows(user: User) -> bool:
    """Delete or detach the first rows of each kind, and return whether none are left. Call it in a transaction."""
    is_more = [_delete_rows(model, user) for model in _OWN_ROWS]
    is_more += hooks.detach_rows(user=user, limit=ROWS_AT_ONCE)
    return not any(is_more)


def _delete_rows(model: type[Model], user: User) -> bool:
    keys, is_more = first_keys(model._base_manager.filter(user=user), limit=ROWS_AT_ONCE)
    model._base_manager.filter(pk__in=keys).delete()
    return is_more


def close(user: User) -> None:
    """Erase the account, and free its e-mail address. Call it in a transaction, after :func:`detach_rows`."""
    # They would pass for networks of a new account with the same e-mail address.
    KnownNetwork.objects.filter(user=user).delete()
    user.groups.clear()
    user.user_permissions.clear()
    User.objects.filter(pk=user.pk).update(
        email=f"{user.pk}@closed.invalid",
        new_email="",
        email_verified=False,
        name="",
        phone="",
        avatar="",
        password=make_password(None),
        is_active=False,
        is_staff=False,
        is_superuser=False,
        last_login=None,
        token_version=F("token_version") + 1,
        closed_at=timezone.now(),
    )
    record("customer.deleted", user.pk)
    delete_closed.enqueue(user=str(user.pk))


@jobs.job("accounts.delete_closed", in_transaction=True)
def delete_closed(*, user: str) -> None:
    account = User.objects.get_queryset().closed().filter(pk=user).first()
    if account is None:
        return
    if not detach_rows(account):
        raise jobs.Continue(user=user)
    account.delete()
