from collections.abc import Iterable
from typing import Any

from rest_framework.test import APIClient

from accounts.api_keys import services
from accounts.models import User


def key_client(owner: User, scopes: Iterable[str], **fields: Any) -> APIClient:
    """Return a client with a new API key."""
    made = services.create(name=fields.pop("name", "ERP"), scopes=scopes, owner=owner, **fields)
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Api-Key {made.secret}")
    return client
