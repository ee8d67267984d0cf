"""The verbs of an account."""

from typing import Any

import structlog
from django.contrib.auth import authenticate
from django.db import IntegrityError
from rest_framework.request import Request

from accounts import hooks, logins, tokens
from accounts.errors import AccountGone, EmailTaken, InvalidCredentials, InvalidLink, WrongPassword
from accounts.links import reset_is_bound_to
from accounts.models import Address, KnownNetwork, TokenFamily, User, UserQuerySet
from accounts.passwords import hash_password
from shop import jobs, mails, media
from shop.email_addresses import check_email, normalize_email
from shop.errors import ServiceUnavailable
from shop.image_jobs import delete_image_later, delete_orphans, store_and_record
from shop.logs import told
from shop.request_context import recognised
from shop.transactions import transactional

logger = structlog.get_logger(__name__)

FIND_WHO_RESETS = "accounts.find_who_resets"


def register(*, email: str, password: str, name: str) -> User:
    """Open an account; its owner is welcomed by a mail.

    Raises :class:`EmailTaken`, and ``ValidationError`` if mail cannot be delivered to the address.
    """
    user = User(email=check_email(email), name=name, password=hash_password(password))
    try:
        return _open_account(user)
    except IntegrityError as error:
        raise EmailTaken(attr="email") from error


@transactional("accounts.register")
def _open_account(user: User) -> User:
    user.save(force_insert=True)
    mails.send_later("accounts.welcome_mail", user=str(user.pk))
    return user


def log_in(*, request: Request, email: str, password: str) -> User:
    """Return the active user with these credentials, in the same time whether or not there is one.

    Raises :class:`InvalidCredentials`, and ``Throttled`` after too many attempts.
    """
    logins.count_attempt(request=request, email=email)
    user = authenticate(request, username=normalize_email(email), password=password)
    if user is None:
        logger.info("a login failed")
        raise InvalidCredentials
    return user


def welcome(*, user: User, request: Request) -> tokens.TokenPair:
    """Hand out the tokens of a new login, after the other rooms have done their part (the guest cart is merged)."""
    try:
        hooks.on_login(user=user, request=request)
    except ServiceUnavailable as error:
        # A guest's cart that cannot be merged now is still there; it must not keep its owner out.
        logger.warning("a login went on without its hooks", error=told(error))
    recognised(user, via="api")
    logins.remember(request=request, user=user)
    return tokens.issue_tokens(user)


def change_password(*, user: User, old_password: str, new_password: str) -> None:
    """Set a new password and revoke every token. Raises :class:`WrongPassword`."""
    if not user.check_password(old_password):
        raise WrongPassword(attr="old_password")
    _replace_password(user, hash_password(new_password))


@transactional("accounts.change_password")
def _replace_password(user: User, new: str) -> None:
    # `user.password` is the one that was checked; somebody else may have changed it since.
    if not User.objects.filter(pk=user.pk, password=user.password).update(password=new, new_email=""):
        raise WrongPassword(attr="old_password")
    tokens.revoke_all(user)
    mails.send_later("accounts.new_password_mail", user=str(user.pk))


# --- By mail ----------------------------------------------------------------------------------------------------------


def request_password_reset(*, email: str) -> None:
    """Have a link mailed with which to choose a new password, if an active account has this address.

    Only the worker looks whether one has: neither the reply, nor its time, nor what is written tells.
    """
    jobs.enqueue(FIND_WHO_RESETS, email=normalize_email(email))


@jobs.handler(FIND_WHO_RESETS, in_transaction=True)
def _find_who_resets(*, email: str) -> None:
    """Trade the address, which may be anybody's, for an account or for nothing; its row is gone in either case."""
    user = User.objects.filter(email=email).first()
    if user is not None:
        send_password_reset(user=user)


def send_password_reset(*, user: User) -> None:
    """Mail a link with which to choose a new password."""
    mails.send_later("accounts.reset_mail", user=str(user.pk))


def reset_password(*, user: User, new_password: str) -> None:
    """Set the password of somebody who has just followed their link; every token is revoked.

    The link proves the address as well. If it was never proven before, the account may have been opened by somebody
    else: everything in it is removed or detached, in the same transaction. ``user`` is as the link was checked against:
    raises :class:`InvalidLink` where that is not the account any more, for one because the link was used a moment ago.
    """
    _reset_password(user, hash_password(new_password))


@transactional("accounts.reset_password")
def _reset_password(user: User, new: str) -> None:
    as_checked = User.objects.active().filter(pk=user.pk, email=user.email, **reset_is_bound_to(user))
    current = as_checked.first()
    if current is None:
        raise InvalidLink(attr="token")
    User.objects.filter(pk=user.pk).update(password=new, email_verified=True, new_email="")
    tokens.revoke_all(user)
    # Only superusers make accounts of staff: nobody can have opened one with another person's address.
    if not (current.email_verified or current.is_staff or current.is_superuser):
        _remove_earlier_holder(current)
    mails.send_later("accounts.new_password_mail", user=str(user.pk))


def _remove_earlier_holder(user: User) -> None:
    """Remove everything personal from an account whose address was never proven, before its owner has it.

    Requests of the earlier holder that are under way fail: whatever they write requires the token's version, which has
    just changed (see :func:`require_account`).
    """
    hooks.on_takeover(user=user)
    _delete_personal_rows(user)
    if user.avatar:
        delete_image_later(user.avatar)
    User.objects.filter(pk=user.pk).update(name="", phone="", avatar="")


def _delete_personal_rows(user: User) -> None:
    Address.objects.filter(user=user).delete()
    TokenFamily.objects.filter(user=user).delete()
    KnownNetwork.objects.filter(user=user).delete()


def send_verification(*, user: User) -> None:
    """Mail a link that proves the person's address, unless it is proven when the worker comes to it."""
    mails.send_later("accounts.verification_mail", user=str(user.pk))


def verify_email(*, user: User) -> None:
    """Note that the address is the person's. Raises :class:`InvalidLink` like :func:`reset_password`."""
    if not User.objects.active().filter(pk=user.pk, email=user.email, email_verified=False).update(email_verified=True):
        raise InvalidLink(attr="token")


def request_email_change(*, user: User, email: str, password: str) -> None:
    """Mail a link to the new address that makes it the account's, and a warning to the present address.

    Only the worker checks whether another account has the new address, so the reply does not reveal it. A later request
    replaces an earlier one. Raises :class:`WrongPassword`.
    """
    if not user.check_password(password):
        raise WrongPassword("The password is not right.", attr="password")
    _request_email_change(user, check_email(email))


@transactional("accounts.request_email_change")
def _request_email_change(user: User, email: str) -> None:
    if not _as_authenticated(user).filter(password=user.password).update(new_email=email):
        raise AccountGone
    mails.send_later("accounts.email_change_mail", user=str(user.pk))
    # The address is kept with the job: the link may be followed before the worker gets to it.
    mails.send_later("accounts.email_change_notice", user=str(user.pk), address=user.email)


def change_email(*, user: User) -> None:
    """Make the new address the account's, which the link has proven, and revoke every token and link.

    Raises :class:`InvalidLink` like :func:`reset_password`, and if another account has the address by now.
    """
    try:
        _change_email(user)
    except IntegrityError as error:
        raise InvalidLink(attr="token") from error
    user.email, user.new_email, user.email_verified = user.new_email, "", True


@transactional("accounts.change_email")
def _change_email(user: User) -> None:
    as_checked = {name: getattr(user, name) for name in ("pk", "email", "new_email", "password", "token_version")}
    changed = {"email": user.new_email, "new_email": "", "email_verified": True}
    if not user.new_email or not User.objects.active().filter(**as_checked).update(**changed):
        raise InvalidLink(attr="token")
    tokens.revoke_all(user)
    # They are digests of the former address.
    KnownNetwork.objects.filter(user=user).delete()
    mails.send_later("accounts.email_changed_mail", user=str(user.pk), address=user.email)


def doubt_email(*, user: User) -> None:
    """Inside the transaction in which staff changed the address: its owner has to prove it again."""
    User.objects.filter(pk=user.pk).update(email_verified=False, new_email="")
    user.email_verified, user.new_email = False, ""
    send_verification(user=user)


# --- Leaving ----------------------------------------------------------------------------------------------------------


def delete_account(*, user: User) -> None:
    """Delete the account and everything that is only the person's; orders stay without the person.

    Raises what keeps an unpaid order from being cancelled first: its payment is under way, or Stripe cannot be asked.
    """
    settle_account(user=user)
    forget_account(user=user)


def settle_account(*, user: User) -> None:
    """Settle what is open before an account is deleted. Asks other services, so outside any transaction."""
    hooks.before_forget(user=user)


@transactional("accounts.delete_account")
def forget_account(*, user: User) -> None:
    """Delete an account that is settled, with everything that is only the person's."""
    require_account(user)
    hooks.on_forget(user=user)
    _delete_personal_rows(user)
    # A request for a new password that waits, or was given up, names the address.
    jobs.Job.objects.filter(kind=FIND_WHO_RESETS, payload={"email": user.email}).delete()
    notices = ("accounts.email_change_notice", "accounts.email_changed_mail")
    jobs.Job.objects.filter(kind__in=notices, payload__user=str(user.pk)).delete()
    avatar = User.objects.values_list("avatar", flat=True).get(pk=user.pk)
    if avatar:
        delete_image_later(avatar)
    user.delete()


def set_avatar(*, user: User, image: media.PreparedImage | None) -> None:
    """Replace the profile picture; None removes it. The old picture is deleted by a job."""
    if image is None:
        _swap_avatar(user, "")
    else:
        store_and_record(image, folder="avatars", record=lambda name: _swap_avatar(user, name))


@transactional("accounts.swap_avatar")
def _swap_avatar(user: User, name: str) -> None:
    require_account(user)
    old = User.objects.values_list("avatar", flat=True).get(pk=user.pk)
    User.objects.filter(pk=user.pk).update(avatar=name)
    user.avatar = name
    if old:
        delete_image_later(old)


@jobs.every(3600, name="accounts.orphan_images")
def delete_orphan_images() -> int:
    """Delete the profile pictures that nobody has; return how many there were."""
    return delete_orphans(
        "avatars", in_use=lambda names: User.objects.filter(avatar__in=names).values_list("avatar", flat=True)
    )


def change_profile(*, user: User, fields: dict[str, Any]) -> None:
    """Change name or phone number, and nothing else. Raises :class:`AccountGone`."""
    if fields and not _as_authenticated(user).update(**fields):
        raise AccountGone
    for name, value in fields.items():
        setattr(user, name, value)


def require_account(user: User) -> None:
    """Inside a transaction that writes something of a person's: raise :class:`AccountGone` if they may not any more.

    They have left, or their tokens were revoked since ``user`` was authenticated: pass the user of the request.
    """
    if not _as_authenticated(user).touch():
        raise AccountGone


def _as_authenticated(user: User) -> UserQuerySet:
    return User.objects.filter(pk=user.pk, token_version=user.token_version)
