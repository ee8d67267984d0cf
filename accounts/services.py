"""The verbs of an account."""

from django.contrib.auth import authenticate
from django.db import IntegrityError
from rest_framework.request import Request

from accounts import hooks, tokens
from accounts.errors import EmailTaken, InvalidCredentials, WrongPassword
from accounts.models import Address, TokenFamily, User, normalize_email
from shop import media
from shop.image_jobs import delete_image_later
from shop.transactions import transactional


def register(*, email: str, password: str, name: str) -> User:
    """Open an account. Raises :class:`EmailTaken`."""
    try:
        return User.objects.create_user(email=email, password=password, name=name)
    except IntegrityError as error:
        raise EmailTaken(attr="email") from error


def log_in(*, request: Request, email: str, password: str) -> User:
    """Return the active user with these credentials, in the same time whether or not there is one.

    Raises :class:`InvalidCredentials`.
    """
    user = authenticate(request, username=normalize_email(email), password=password)
    if user is None:
        raise InvalidCredentials
    return user


def welcome(*, user: User, request: Request) -> tokens.TokenPair:
    """Hand out the tokens of a new login, after the other rooms have done their part (the guest cart is merged)."""
    hooks.on_login(user=user, request=request)
    return tokens.issue_tokens(user)


@transactional("accounts.change_password")
def change_password(*, user: User, old_password: str, new_password: str) -> None:
    """Set a new password and revoke every token. Raises :class:`WrongPassword`."""
    if not user.check_password(old_password):
        raise WrongPassword(attr="old_password")
    user.set_password(new_password)
    user.save(update_fields=["password"])
    tokens.revoke_all(user)


@transactional("accounts.delete_account")
def delete_account(*, user: User) -> None:
    """Delete the account and everything that is only the person's; orders stay without the person."""
    hooks.on_forget(user=user)
    Address.objects.filter(user=user).delete()
    TokenFamily.objects.filter(user=user).delete()
    if user.avatar:
        delete_image_later(user.avatar)
    user.delete()


def set_avatar(*, user: User, image: media.PreparedImage | None) -> None:
    """Replace the profile picture; None removes it. The old picture is deleted by a job."""
    name = media.store_image(image, folder="avatars") if image else ""
    _swap_avatar(user, name)


@transactional("accounts.swap_avatar")
def _swap_avatar(user: User, name: str) -> None:
    old = User.objects.values_list("avatar", flat=True).get(pk=user.pk)
    User.objects.filter(pk=user.pk).update(avatar=name)
    user.avatar = name
    if old:
        delete_image_later(old)


@transactional("accounts.save_address")
def save_address(*, address: Address) -> None:
    """Save an address; a customer has at most one default, and the first address is it."""
    others = Address.objects.owned_by(address.user).exclude(pk=address.pk)
    if address.is_default:
        others.filter(is_default=True).update(is_default=False)
    elif not others.exists():
        address.is_default = True
    address.save()
