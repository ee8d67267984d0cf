import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from bson import ObjectId
from drf_spectacular.contrib.rest_framework_simplejwt import SimpleJWTScheme
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework_simplejwt import exceptions as simplejwt
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.settings import api_settings

from accounts.models import User
from accounts.tokens import UNREADABLE, VERSION_CLAIM
from shop.db import documents
from shop.http.request_context import bind_user


class UserRequest(Request):
    user: User


def find_user(pk: ObjectId) -> User | None:
    return documents.find_one(User, {"_id": pk})


class AccessTokenAuthentication(JWTAuthentication):
    """Check that the account is active and has not revoked the token, for each request.

    A view's ``read_user`` may read more with the user, by the same command.
    """

    error_codes = ("bad_authorization_header", "token_not_valid", "user_not_found")

    def authenticate(self, request: Request) -> Any:
        view = (request.parser_context or {}).get("view")
        self._read_user: Callable[[ObjectId], User | None] = getattr(view, "read_user", find_user)
        try:
            return super().authenticate(request)
        except simplejwt.AuthenticationFailed as error:
            # simplejwt's detail would be rendered as several errors.
            detail: Any = error.detail
            raise AuthenticationFailed(str(detail["detail"]), code=str(detail["code"])) from error

    def get_raw_token(self, header: bytes) -> bytes | None:
        """Accept the scheme in any case (RFC 9110, 11.1)."""
        scheme, space, rest = header.partition(b" ")
        return super().get_raw_token(scheme.title() + space + rest if scheme.lower() == b"bearer" else header)

    def get_validated_token(self, raw_token: bytes) -> Any:
        claims = _claims(raw_token, api_settings.SIGNING_KEY)
        # Cached claims may have expired, and the leeway is for clocks that are ahead.
        if time.time() >= claims["exp"]:
            raise simplejwt.InvalidToken("This token has expired.")
        return claims

    def get_user(self, validated_token: Any) -> Any:
        subject = str(validated_token.get("sub", ""))
        user = self._read_user(ObjectId(subject)) if ObjectId.is_valid(subject) else None
        if user is None or not user.is_active:
            raise AuthenticationFailed("No active account belongs to this token.", code="user_not_found")
        if validated_token.get(VERSION_CLAIM) != user.token_version:
            raise simplejwt.InvalidToken("This token has been revoked.")
        bind_user(user, via="api")
        return user


@lru_cache(maxsize=5_000)
def _claims(raw_token: bytes, key: str) -> Mapping[str, Any]:
    """Cache claims, because verifying is expensive. Revocation is checked per request."""
    try:
        claims = JWTAuthentication().get_validated_token(raw_token).payload
    except UNREADABLE as error:
        raise simplejwt.InvalidToken("This token is invalid.") from error
    if not isinstance(claims["exp"], int | float):
        raise simplejwt.InvalidToken("This token is invalid.")
    return MappingProxyType(claims)


class AccessTokenScheme(SimpleJWTScheme):
    target_class = "accounts.authentication.AccessTokenAuthentication"
    name = "accessToken"
