"""Who is asking: the bearer of an access token."""

from bson import ObjectId
from drf_spectacular.contrib.rest_framework_simplejwt import SimpleJWTScheme
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework_simplejwt import exceptions as simplejwt
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.tokens import Token

from accounts.models import User
from accounts.tokens import VERSION_CLAIM
from shop import documents
from shop.request_context import recognised


class AccessTokenAuthentication(JWTAuthentication):
    """simplejwt's authentication, whose tokens die with the password, the account and every ``logout-all``."""

    def authenticate(self, request: Request) -> tuple[User, Token] | None:
        try:
            return super().authenticate(request)
        except simplejwt.AuthenticationFailed as error:
            # simplejwt's is a dictionary, which would read as several errors.
            raise AuthenticationFailed(error.detail["detail"], code=str(error.detail["code"])) from error

    def get_user(self, validated_token: Token) -> User:
        subject = str(validated_token.get("sub", ""))
        user = documents.find_one(User, {"_id": ObjectId(subject)}) if ObjectId.is_valid(subject) else None
        if user is None or not user.is_active:
            raise AuthenticationFailed("No active account belongs to this token.", code="user_not_found")
        if validated_token.get(VERSION_CLAIM) != user.token_version:
            raise simplejwt.InvalidToken("This token has been revoked.")
        recognised(user, via="api")
        return user


class AccessTokenScheme(SimpleJWTScheme):
    target_class = "accounts.authentication.AccessTokenAuthentication"
    name = "accessToken"
