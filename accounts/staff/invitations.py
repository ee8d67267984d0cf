"""Members of staff are invited by superusers, and may ask for a new password."""

from collections.abc import Iterable

from django.contrib.auth.models import Group
from django.db import IntegrityError

from accounts import mails, tokens
from accounts.errors import AlreadyStaff, EmailTaken
from accounts.models import User
from shop import jobs
from shop.api.rate_limits import throttle
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.changes import record
from shop.db.transactions import transactional
from shop.jobs.email_addresses import check_email, normalize_email


def invite(*, email: str, name: str, groups: Iterable[Group], admin: str) -> User:
    """Create a member of staff, or make a customer one, and mail a link. ``admin`` is the address of the admin.

    Raises ``AlreadyStaff``, ``EmailTaken`` after a concurrent registration, and ``ValidationError``.
    """
    try:
        return _invite(email=check_email(email), name=name, groups=list(groups), admin=admin)
    except IntegrityError as error:
        raise EmailTaken(attr="email") from error


@transactional("accounts.invite")
def _invite(*, email: str, name: str, groups: list[Group], admin: str) -> User:
    user = User.objects.active().filter(email=email).first()
    if user is None:
        # Without a password until the invitation is accepted.
        user = User.objects.create_user(email, None, name=name, is_staff=True)
        record("customer.created", user.pk)
    elif User.objects.filter(pk=user.pk, is_staff=False).update(is_staff=True):
        # Its logins were not checked like those of staff.
        tokens.revoke_all(user)
        record("customer.updated", user.pk)
    else:
        raise AlreadyStaff(attr="email")
    user.groups.set(groups)
    staff_log.record(Action.INVITE, user)
    mails.invitation_mail.enqueue(user=str(user.pk), admin=admin)
    return user


@transactional("accounts.invite_again")
def invite_again(*, user: User, admin: str) -> None:
    staff_log.record(Action.INVITE, user)
    mails.invitation_mail.enqueue(user=str(user.pk), admin=admin)


def request_password_reset(*, email: str, admin: str, ip_address: str) -> None:
    """Mail a link of the admin. A job looks up the account, so that timing does not reveal whether it exists.

    Raises ``Throttled``.
    """
    throttle("reset", ip_address=ip_address)
    throttle("reset_account", normalize_email(email), ip_address=ip_address)
    send_reset_if_staff.enqueue(email=normalize_email(email), admin=admin)


@jobs.job("accounts.find_staff_who_resets", in_transaction=True, urgent=True)
def send_reset_if_staff(*, email: str, admin: str) -> None:
    user = User.objects.active().filter(email=email, is_staff=True).first()
    if user is not None:
        mails.staff_reset_mail.enqueue(user=str(user.pk), admin=admin)
