from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request

from accounts.api_keys import services
from accounts.api_keys.errors import ApiKeyExpired, InvalidApiKey
from accounts.api_keys.models import ApiKey
from shop.api.permissions import API_KEY
from shop.api.principals import KeyPrincipal
from shop.http.request_context import bind_user

SCHEME = "Api-Key"
MAX_LENGTH = 200


class ApiKeyAuthentication(BaseAuthentication):
    error_codes = (InvalidApiKey.default_code, ApiKeyExpired.default_code)

    def authenticate(self, request: Request) -> tuple[KeyPrincipal, ApiKey] | None:
        scheme, _, sent = get_authorization_header(request).partition(b" ")
        if scheme.lower() != SCHEME.lower().encode():
            return None
        if len(sent) > MAX_LENGTH or not sent.isascii():
            raise InvalidApiKey
        key = services.authenticate(sent.decode().strip())
        services.record_use(key)
        principal = KeyPrincipal(pk=key.pk, name=key.name, permissions=frozenset(key.scopes))
        bind_user(principal, via="key")
        return principal, key

    def authenticate_header(self, request: Request) -> str:
        return SCHEME


class ApiKeyScheme(OpenApiAuthenticationExtension):
    target_class = "accounts.api_keys.authentication.ApiKeyAuthentication"
    name = API_KEY

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": f"`{SCHEME} <key>`, with a key that was made in the admin.",
        }
