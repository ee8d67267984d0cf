"""Every route with and without a trailing slash, for every method and user."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from conftest import client_of
from shop.dev.testing.replies import refusal
from shop.dev.testing.routes import Operation, operations

pytestmark = [pytest.mark.django_db, pytest.mark.quick]

# Operations that end the caller's login or account.
ENDINGS = {"DELETE /users/me/", "POST /auth/logout-all/"}


def send(client: APIClient, operation: Operation, address: str = "") -> Any:
    return client.generic(operation.method, address or operation.address, b"{}", content_type="application/json")


@pytest.fixture
def new_user_client(make_user: Callable[..., User]) -> Callable[..., APIClient]:
    """A client of a new user, for calls that end a login."""
    return lambda **fields: client_of(make_user(**fields))


# --- Who may (the rest is in `shop/tests/access`) ---------------------------------------------------------------------


@pytest.mark.parametrize("token", [None, "garbage", "a.b.c"])
def test_what_is_not_public_is_401_without_a_good_token(
    anonymous: APIClient, token: str | None, subtests: pytest.Subtests
) -> None:
    if token:
        anonymous.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    code = "token_not_valid" if token else "not_authenticated"
    for operation in operations():
        if operation.is_public:
            continue
        with subtests.test(str(operation)):
            reply = send(anonymous, operation)
            assert refusal(reply, 401) == (code, None)
            assert reply["WWW-Authenticate"] == 'Bearer realm="api"'


# --- How it is written ------------------------------------------------------------------------------------------------


def test_every_path_works_with_and_without_its_slash_for_every_method(
    new_user_client: Callable[..., APIClient], subtests: pytest.Subtests
) -> None:
    client = new_user_client(is_staff=True, is_superuser=True)
    for operation in operations():
        with subtests.test(str(operation)):
            assert operation.address.endswith("/")
            callers = [new_user_client(), new_user_client()] if str(operation) in ENDINGS else [client, client]
            addresses = (operation.address, operation.address.rstrip("/"))
            with_slash, without = (
                send(caller, operation, address) for caller, address in zip(callers, addresses, strict=True)
            )
            assert with_slash.status_code == without.status_code < 500
            assert not 300 <= without.status_code < 400
            if str(operation) not in ENDINGS and operation.path != "/api/v1/cart/":
                assert with_slash.content == without.content


def test_a_body_sent_to_a_path_without_slash_arrives(anonymous: APIClient) -> None:
    body = {"email": "new@example.com", "password": "correct-horse-battery", "name": "New"}
    assert anonymous.post("/api/v1/auth/register", body).status_code == 201
    assert User.objects.get().email == "new@example.com"


def test_a_browser_may_ask_first(anonymous: APIClient, settings: Any) -> None:
    settings.CORS_ALLOW_ALL_ORIGINS = False
    settings.CORS_ALLOWED_ORIGINS = ["https://shop.test"]
    headers = {
        "Origin": "https://shop.test",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, idempotency-key, x-cart-token, x-order-token",
    }
    reply = anonymous.options("/api/v1/orders/", headers=headers)
    assert (reply.status_code, reply["Access-Control-Allow-Origin"]) == (200, "https://shop.test")
    allowed = {each.strip() for each in reply["Access-Control-Allow-Headers"].split(",")}
    tokens = {"authorization", "idempotency-key", "x-cart-token", "x-order-token"}
    # Not x-storefront-key, which is a secret of servers.
    assert allowed == {*tokens, "if-none-match", "x-request-id", "accept", "content-type"}

    reply = anonymous.get("/api/v1/products/", headers={"Origin": "https://shop.test"})
    exposed = {each.strip() for each in reply["Access-Control-Expose-Headers"].split(",")}
    assert exposed == {"X-Cart-Token", "Idempotency-Replayed", "Retry-After", "ETag", "X-Request-ID"}
    reply = anonymous.get("/api/v1/products/", headers={"Origin": "https://evil.test"})
    assert "Access-Control-Allow-Origin" not in reply
