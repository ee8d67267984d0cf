"""An account with an unverified address, and its owner."""

from collections.abc import Callable
from typing import Any

from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Product
from conftest import client_of
from shop.dev.testing.mails import link_in, work
from shop.dev.testing.steps import API, add_to_cart

OWNER = "owner@example.com"
NEW_PASSWORD = "another-horse-battery"
ADDRESS = {
    "name": "Mallory Stranger",
    "line1": "1 Stranger Street",
    "city": "Strangertown",
    "postal_code": "S1",
    "country": "GB",
}


def token_client(access: str) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {access}")
    return client


def account() -> User:
    return User.objects.get(email=OWNER)


def reset_link() -> dict[str, str]:
    assert client_of().post(f"{API}/auth/password/reset/", {"email": OWNER}).status_code == 202
    (mail,) = [mail for mail in work() if mail.subject == "Choose a new password"]
    return link_in(mail, "reset-password")


def confirm(link: dict[str, str], password: str = NEW_PASSWORD) -> Any:
    return client_of().post(f"{API}/auth/password/reset/confirm/", {**link, "new_password": password})


def log_in(password: str = NEW_PASSWORD, **headers: str) -> APIClient:
    reply = client_of().post(f"{API}/auth/login/", {"email": OWNER, "password": password}, headers=headers)
    assert reply.status_code == 200, reply.content
    return token_client(reply.json()["access"])


def settle_in(stranger: APIClient, make_product: Callable[..., Product]) -> None:
    assert stranger.patch(f"{API}/users/me/", {"phone": "+44 555 0199"}).status_code == 200
    assert stranger.post(f"{API}/users/me/addresses/", ADDRESS).status_code == 201
    add_to_cart(stranger, make_product())
    User.objects.filter(email=OWNER).update(avatar="avatars/stranger.webp")


def mine(client: APIClient) -> dict[str, Any]:
    """Everything that the shop stores about the client's user."""
    reply = client.get(f"{API}/users/me/export/")
    assert reply.status_code == 200
    return reply.json()
