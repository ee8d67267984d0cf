"""Signed, expiring links in mails: using one changes a signed field, so it works once."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from bson import ObjectId
from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner
from django.utils import timezone
from django.utils.timesince import timesince

from accounts.errors import InvalidLink
from accounts.models import User
from shop.jobs import mails


class Link:
    """``bound_to`` returns the account's fields that the link signs."""

    def __init__(self, purpose: str, *, page: str, lifetime: str, bound_to: Callable[[User], list[Any]]) -> None:
        self._purpose, self._page, self._lifetime, self._bound_to = purpose, page, lifetime, bound_to

    @property
    def lifetime(self) -> timedelta:
        return timedelta(seconds=getattr(settings, self._lifetime))

    @property
    def lifetime_in_words(self) -> str:
        now = timezone.now()
        return timesince(now, now + self.lifetime).replace("\xa0", " ")

    def url(self, user: User) -> str:
        return mails.storefront_url(self._page, uid=str(user.pk), token=self.token(user))

    def owner(self, *, uid: ObjectId, token: str) -> User:
        """Raises :class:`InvalidLink`.

        The link may be used concurrently: update the user conditionally.
        """
        user = User.objects.active().filter(pk=uid).first()
        if user is None:
            raise InvalidLink(attr="token")
        try:
            self._signer.unsign(f"{self._signed_fields(user)}.{token}", max_age=self.lifetime)
        except BadSignature as error:
            raise InvalidLink(attr="token") from error
        return user

    @property
    def _signer(self) -> TimestampSigner:
        return TimestampSigner(sep=".", salt=f"accounts.links.{self._purpose}")

    def token(self, user: User) -> str:
        fields = self._signed_fields(user)
        return self._signer.sign(fields).removeprefix(f"{fields}.")

    def _signed_fields(self, user: User) -> str:
        return json.dumps([str(user.pk), user.email, *self._bound_to(user)])


def reset_is_bound_to(user: User) -> dict[str, Any]:
    """Return the fields whose change revokes a reset link.

    While the address is unverified, another person must not revoke the owner's links by changing the password.
    """
    names = ("password", "token_version") if user.email_verified else ("email_verified",)
    return {name: getattr(user, name) for name in names}


RESET = Link(
    "password_reset",
    page="reset-password",
    lifetime="PASSWORD_RESET_TIMEOUT",
    bound_to=lambda user: [*reset_is_bound_to(user).values()],
)
EMAIL_CHANGE = Link(
    "email_change",
    page="change-email",
    lifetime="EMAIL_VERIFICATION_TIMEOUT",
    bound_to=lambda user: [user.new_email, user.password, user.token_version],
)
VERIFICATION = Link(
    "email_verification",
    page="verify-email",
    lifetime="EMAIL_VERIFICATION_TIMEOUT",
    bound_to=lambda user: [user.email_verified],
)
# Opens a page of the admin, see `accounts.staff.views`.
INVITATION = Link(
    "staff_invitation",
    page="",
    lifetime="STAFF_INVITATION_TIMEOUT",
    bound_to=lambda user: [user.password, user.token_version],
)
