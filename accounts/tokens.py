""":class:`TokenFamily` makes refresh tokens single-use: simplejwt's blacklist needs an integer key."""

from datetime import datetime
from typing import TypedDict

from bson import ObjectId
from django.db.models import F
from django.utils import timezone
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from accounts.errors import InvalidRefreshToken
from accounts.models import TokenFamily, User
from shop.db import documents

VERSION_CLAIM = "version"
FAMILY_CLAIM = "family"
# Raised by simplejwt for malformed tokens, partly before the signature is verified.
UNREADABLE = (ArithmeticError, OSError, RecursionError, TypeError, ValueError)


class TokenPair(TypedDict):
    access: str
    refresh: str


def issue_tokens(user: User) -> TokenPair:
    family = ObjectId()
    refresh = _new_refresh_token(user, family)
    documents.insert(
        TokenFamily(id=family, user=user, version=user.token_version, current=refresh["jti"], expires_at=_expiry())
    )
    return _pair(user, refresh)


def rotate(raw: str) -> TokenPair:
    """Only one of concurrent uses succeeds; reuse revokes the family. Raises :class:`InvalidRefreshToken`."""
    family, jti = _read(raw)
    row = TokenFamily.objects.filter(pk=family).first()
    user = User.objects.filter(pk=row.user_id, is_active=True).first() if row else None
    if row is None or user is None or row.version != user.token_version:
        raise InvalidRefreshToken
    refresh = _new_refresh_token(user, family)
    rotated = TokenFamily.objects.filter(pk=family, current=jti).update(current=refresh["jti"], expires_at=_expiry())
    if not rotated:
        TokenFamily.objects.filter(pk=family).delete()
        raise InvalidRefreshToken
    return _pair(user, refresh)


def revoke(raw: str) -> None:
    family, _ = _read(raw)
    TokenFamily.objects.filter(pk=family).delete()


def revoke_all(user: User) -> None:
    """Revoke tokens and admin sessions."""
    User.objects.filter(pk=user.pk).update(token_version=F("token_version") + 1)
    TokenFamily.objects.filter(user=user).delete()


def _new_refresh_token(user: User, family: ObjectId) -> RefreshToken:
    token = RefreshToken.for_user(user)
    token[FAMILY_CLAIM] = str(family)
    return token


def _pair(user: User, refresh: RefreshToken) -> TokenPair:
    access = AccessToken.for_user(user)
    access[VERSION_CLAIM] = user.token_version
    return {"access": str(access), "refresh": str(refresh)}


def _expiry() -> datetime:
    return timezone.now() + api_settings.REFRESH_TOKEN_LIFETIME


def _read(raw: str) -> tuple[ObjectId, str]:
    try:
        token = RefreshToken(raw)  # type: ignore[arg-type]
        family, jti = token[FAMILY_CLAIM], token["jti"]
    except (TokenError, KeyError, *UNREADABLE) as error:
        raise InvalidRefreshToken from error
    if not isinstance(family, str) or not isinstance(jti, str) or not ObjectId.is_valid(family):
        raise InvalidRefreshToken
    return ObjectId(family), jti
