"""Who is asking: the bearer of an access token."""

from bson import ObjectId
from drf_spectacular.contrib.rest_framework_simplejwt import SimpleJWTScheme
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import AuthenticationFailed, InvalidToken
from rest_framework_simplejwt.tokens import Token

from accounts.models import User
from accounts.tokens import VERSION_CLAIM


class AccessTokenAuthentication(JWTAuthentication):
    """simplejwt's authentication, whose tokens die with the password, the account and every ``logout-all``."""

    def get_user(self, validated_token: Token) -> User:
        subject = str(validated_token.get("sub", ""))
        user = User.objects.filter(pk=subject).first() if ObjectId.is_valid(subject) else None
        if user is None or not user.is_active:
            raise AuthenticationFailed("No active account belongs to this token.", code="user_not_found")
        if validated_token.get(VERSION_CLAIM) != user.token_version:
            raise InvalidToken("This token has been revoked.")
        return user


class AccessTokenScheme(SimpleJWTScheme):
    target_class = "accounts.authentication.AccessTokenAuthentication"
    name = "accessToken"
