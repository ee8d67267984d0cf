from rest_framework.exceptions import AuthenticationFailed

from shop.api.errors import Conflict, ShopError


class InvalidApiKey(AuthenticationFailed):
    """Unknown, revoked, or its owner is no longer active staff; the response does not reveal which."""

    default_code = "invalid_api_key"
    default_detail = "This API key is not valid."


class ApiKeyExpired(AuthenticationFailed):
    default_code = "api_key_expired"
    default_detail = "This API key has expired."


class ScopeNotHeld(ShopError):
    default_code = "scope_not_held"
    default_detail = "A key can have only permissions that you have yourself."


class KeyRevoked(Conflict):
    default_code = "key_revoked"
    default_detail = "This API key is revoked. Make a new one."
