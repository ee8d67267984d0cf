from typing import Any

import structlog
from django.contrib.auth import authenticate
from django.db import IntegrityError

from accounts import closing, hooks, logins, mails, tokens
from accounts.errors import AccountGone, EmailTaken, InvalidCredentials, InvalidLink, WrongPassword
from accounts.links import reset_is_bound_to
from accounts.models import KnownNetwork, User, UserQuerySet
from accounts.passwords import hash_password
from accounts.staff import second_factors
from accounts.tokens import TokenPair
from shop import jobs, media
from shop.api.errors import ServiceUnavailable
from shop.changes import record
from shop.db.transactions import transactional
from shop.http.request_context import bind_user
from shop.jobs import Cursor
from shop.jobs.email_addresses import check_email, normalize_email
from shop.logs import describe_error
from shop.media.cleanup import delete_image_later, delete_orphans, store_and_record

logger = structlog.get_logger(__name__)


def register(*, email: str, password: str, name: str, ip_address: str, cart_token: str = "") -> tuple[User, TokenPair]:
    """Raises :class:`EmailTaken` and ``ValidationError``."""
    user = User(email=check_email(email), name=name, password=hash_password(password))
    try:
        _open_account(user)
    except IntegrityError as error:
        raise EmailTaken(attr="email") from error
    return user, _issue_tokens(user, ip_address=ip_address, cart_token=cart_token)


@transactional("accounts.register")
def _open_account(user: User) -> None:
    user.save(force_insert=True)
    record("customer.created", user.pk)
    mails.welcome_mail.enqueue(user=str(user.pk))


def log_in(
    *, email: str, password: str, ip_address: str, code: str = "", cart_token: str = ""
) -> tuple[User, TokenPair]:
    """Timing does not reveal whether the account exists.

    Raises :class:`InvalidCredentials`, ``Throttled`` and, for staff, the errors of ``second_factors.require_code``.
    """
    network = logins.count_attempt(email=email, ip_address=ip_address)
    user = authenticate(username=normalize_email(email), password=password)
    if user is None:
        logger.info("login_failed")
        raise InvalidCredentials
    if user.is_staff:
        second_factors.require_code(user=user, code=code)
    return user, _issue_tokens(user, ip_address=ip_address, cart_token=cart_token, network=network)


def _issue_tokens(user: User, *, ip_address: str, cart_token: str, network: KnownNetwork | None = None) -> TokenPair:
    try:
        hooks.on_login(user=user, cart_token=cart_token)
    except ServiceUnavailable as error:
        # The guest cart is kept for the next login.
        logger.warning("login_hook_failed", error=describe_error(error))
    bind_user(user, via="api")
    logins.record_network(user=user, ip_address=ip_address, known=network)
    return tokens.issue_tokens(user)


def change_password(*, user: User, old_password: str, new_password: str) -> None:
    """Revoke every token. Raises :class:`WrongPassword`."""
    if not user.check_password(old_password):
        raise WrongPassword(attr="old_password")
    _replace_password(user, hash_password(new_password))


@transactional("accounts.change_password")
def _replace_password(user: User, new: str) -> None:
    # The password may have changed since the check.
    if not User.objects.filter(pk=user.pk, password=user.password).update(password=new, new_email=""):
        raise WrongPassword(attr="old_password")
    tokens.revoke_all(user)
    mails.new_password_mail.enqueue(user=str(user.pk))


# --- Links in mails ---------------------------------------------------------------------------------------------------


def request_password_reset(*, email: str) -> None:
    """A job looks up the account, so that timing does not reveal whether it exists."""
    send_reset_if_known.enqueue(email=normalize_email(email))


@jobs.job("accounts.find_who_resets", in_transaction=True, urgent=True)
def send_reset_if_known(*, email: str) -> None:
    user = User.objects.filter(email=email).first()
    if user is not None:
        send_password_reset(user=user)


def send_password_reset(*, user: User) -> None:
    mails.reset_mail.enqueue(user=str(user.pk))


def reset_password(*, user: User, new_password: str) -> User:
    """The link verifies the address; data of an unverified account is removed or detached.

    Return the account of the address: a new one, if the former has many rows. Raises :class:`InvalidLink`, also after
    concurrent use.
    """
    return _reset_password(user, hash_password(new_password))


@transactional("accounts.reset_password")
def _reset_password(user: User, new: str) -> User:
    as_checked = User.objects.active().filter(pk=user.pk, email=user.email, **reset_is_bound_to(user))
    current = as_checked.first()
    if current is None:
        raise InvalidLink(attr="token")
    User.objects.filter(pk=user.pk).update(password=new, email_verified=True, new_email="")
    if not current.email_verified:
        record("customer.verified", user.pk)
    tokens.revoke_all(user)
    # Only superusers create staff accounts, so no one else opened this one.
    if not (current.email_verified or current.is_staff or current.is_superuser):
        current = _without_earlier_holder(current, password=new)
    hooks.on_email_verified(user=current)
    mails.new_password_mail.enqueue(user=str(current.pk))
    return current


def _without_earlier_holder(user: User, *, password: str) -> User:
    """Running requests of the earlier holder fail, because the token version has changed."""
    delete_image_later(user.avatar)
    if closing.detach_rows(user):
        User.objects.filter(pk=user.pk).update(name="", phone="", avatar="")
        record("customer.updated", user.pk)
        return user
    closing.close(user)
    owner = User(email=user.email, password=password, email_verified=True)
    owner.save(force_insert=True)
    record("customer.created", owner.pk)
    return owner


def send_verification(*, user: User) -> None:
    mails.verification_mail.enqueue(user=str(user.pk))


@transactional("accounts.verify_email")
def verify_email(*, user: User) -> None:
    """Verify the address. Raises :class:`InvalidLink`."""
    if not User.objects.active().filter(pk=user.pk, email=user.email, email_verified=False).update(email_verified=True):
        raise InvalidLink(attr="token")
    record("customer.verified", user.pk)
    hooks.on_email_verified(user=user)


def request_email_change(*, user: User, email: str, password: str) -> None:
    """Mail a link to the new address and a warning to the current one. Raises :class:`WrongPassword`.

    A job looks up other accounts, so that the response does not reveal them.
    """
    if not user.check_password(password):
        raise WrongPassword("The password is incorrect.", attr="password")
    _request_email_change(user, check_email(email))


@transactional("accounts.request_email_change")
def _request_email_change(user: User, email: str) -> None:
    if not _as_authenticated(user).filter(password=user.password).update(new_email=email):
        raise AccountGone
    mails.email_change_mail.enqueue(user=str(user.pk))
    # The address may change before the job runs.
    mails.email_change_notice.enqueue(user=str(user.pk), address=user.email)


def change_email(*, user: User) -> None:
    """Revoke all tokens. Raises :class:`InvalidLink`, also if the address is taken."""
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
    record("customer.updated", user.pk)
    hooks.on_email_verified(user=user)
    tokens.revoke_all(user)
    # Their ids are digests of the former address.
    KnownNetwork.objects.filter(user=user).delete()
    mails.email_changed_mail.enqueue(user=str(user.pk), address=user.email)


def mark_email_unverified(*, user: User) -> None:
    """Send a verification mail to a changed address. Call it in the transaction that changes it."""
    User.objects.filter(pk=user.pk).update(email_verified=False, new_email="")
    user.email_verified, user.new_email = False, ""
    send_verification(user=user)


# --- Deletion ---------------------------------------------------------------------------------------------------------


def delete_account(*, user: User) -> None:
    """Orders are kept anonymized. Raises if an unpaid order cannot be cancelled."""
    hooks.before_deletion(user=user)
    delete_account_and_data(user=user)


@transactional("accounts.delete_account")
def delete_account_and_data(*, user: User) -> None:
    """Call :data:`hooks.before_deletion` first, outside transactions, because it may call other services.

    A large account is closed: its personal data is erased now, the newest 200 orders are detached at once (none if it
    has more than 200 reviews), the rest by a job.
    """
    require_account(user)
    hooks.on_deletion(user=user)
    # These jobs contain the address.
    lookups = (send_reset_if_known.name, "accounts.find_staff_who_resets")
    jobs.Job.objects.filter(kind__in=lookups, payload__email=user.email).delete()
    notices = ("accounts.email_change_notice", "accounts.email_changed_mail")
    jobs.Job.objects.filter(kind__in=notices, payload__user=str(user.pk)).delete()
    delete_image_later(User.objects.values_list("avatar", flat=True).get(pk=user.pk))
    if closing.detach_rows(user):
        record("customer.deleted", user.pk)
        user.delete()
    else:
        closing.close(user)


def set_avatar(*, user: User, image: media.PreparedImage | None) -> None:
    if image is None:
        _replace_avatar(user, "")
    else:
        store_and_record(image, folder="avatars", record=lambda name: _replace_avatar(user, name))


@transactional("accounts.swap_avatar")
def _replace_avatar(user: User, name: str) -> None:
    require_account(user)
    old = User.objects.values_list("avatar", flat=True).get(pk=user.pk)
    User.objects.filter(pk=user.pk).update(avatar=name)
    record("customer.updated", user.pk)
    user.avatar = name
    delete_image_later(old)


@jobs.every_in_slices(24 * 3600, name="accounts.orphan_images")
def delete_orphan_images(cursor: Cursor) -> Cursor:
    return delete_orphans(
        "avatars", cursor, in_use=lambda names: User.objects.filter(avatar__in=names).values_list("avatar", flat=True)
    )


def change_profile(*, user: User, fields: dict[str, Any]) -> None:
    if fields:
        _change_profile(user, fields)
    for name, value in fields.items():
        setattr(user, name, value)


@transactional("accounts.change_profile")
def _change_profile(user: User, fields: dict[str, Any]) -> None:
    if not _as_authenticated(user).update(**fields):
        raise AccountGone
    record("customer.updated", user.pk)


def require_account(user: User, **written: Any) -> None:
    """Raise :class:`AccountGone` if it was deleted or its tokens revoked; also write these fields.

    Call it in every transaction that writes personal data.
    """
    if not _as_authenticated(user).bump_revision(**written):
        raise AccountGone


def _as_authenticated(user: User) -> UserQuerySet:
    return User.objects.get_queryset().filter(pk=user.pk, token_version=user.token_version)
