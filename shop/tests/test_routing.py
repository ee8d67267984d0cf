"""Every route: with and without its slash, for every method, for everybody."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from conftest import client_of
from shop.testing.replies import refusal
from shop.testing.routes import Operation, operations

pytestmark = pytest.mark.django_db

PUBLIC = {
    "POST /auth/register/",
    "POST /auth/login/",
    "POST /auth/refresh/",
    "POST /auth/logout/",
    "POST /auth/password/reset/",
    "POST /auth/password/reset/confirm/",
    "POST /auth/email/verify/confirm/",
    "GET /categories/",
    "GET /categories/{slug}/",
    "GET /products/",
    "GET /products/{id}/",
    "GET /cart/",
    "DELETE /cart/",
    "POST /cart/items/",
    "PATCH /cart/items/{id}/",
    "DELETE /cart/items/{id}/",
    "PUT /cart/coupon/",
    "DELETE /cart/coupon/",
    "GET /shipping-methods/",
    "GET /payments/config/",
    "POST /payments/webhook/",
}
STAFF = {
    "POST /products/",
    "PUT /products/{id}/",
    "PATCH /products/{id}/",
    "DELETE /products/{id}/",
    "POST /products/{product_pk}/images/",
    "PATCH /products/{product_pk}/images/{id}/",
    "DELETE /products/{product_pk}/images/{id}/",
    "PATCH /variants/{id}/",
    "POST /variants/{id}/stock/",
    "POST /orders/{number}/fulfil/",
    "POST /payments/{id}/refunds/",
}
# Operations that end the login of whoever calls them, or the account.
ENDINGS = {"DELETE /users/me/", "POST /auth/logout-all/"}


def send(client: APIClient, operation: Operation, address: str = "") -> Any:
    return client.generic(operation.method, address or operation.address, b"{}", content_type="application/json")


@pytest.fixture
def somebody(make_user: Callable[..., User]) -> Callable[..., APIClient]:
    """A client of somebody new, for calls that end a login."""
    return lambda **fields: client_of(make_user(**fields))


def protected() -> list[Operation]:
    return [operation for operation in operations() if str(operation) not in PUBLIC]


# --- Who may ----------------------------------------------------------------------------------------------------------


def test_what_is_public_needs_no_token(anonymous: APIClient, subtests: pytest.Subtests) -> None:
    known = {str(operation) for operation in operations()}
    assert known >= PUBLIC | STAFF
    for operation in operations():
        if str(operation) in PUBLIC:
            with subtests.test(str(operation)):
                assert send(anonymous, operation).status_code in {200, 201, 400, 401, 404} - (
                    set() if "/auth/" in operation.path else {401}
                )


@pytest.mark.parametrize("token", [None, "garbage", "a.b.c"])
def test_everything_else_is_401_without_a_good_token(
    anonymous: APIClient, token: str | None, subtests: pytest.Subtests
) -> None:
    if token:
        anonymous.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    code = "token_not_valid" if token else "not_authenticated"
    for operation in protected():
        with subtests.test(str(operation)):
            reply = send(anonymous, operation)
            assert refusal(reply, 401) == (code, None)
            assert reply["WWW-Authenticate"] == 'Bearer realm="api"'


def test_a_customer_on_a_staff_call_is_403(as_customer: APIClient, subtests: pytest.Subtests) -> None:
    for operation in protected():
        if str(operation) in STAFF:
            with subtests.test(str(operation)):
                assert refusal(send(as_customer, operation), 403) == ("permission_denied", None)


def test_a_call_that_is_not_for_staff_is_no_403_for_customers(
    somebody: Callable[..., APIClient], subtests: pytest.Subtests
) -> None:
    client = somebody()
    for operation in operations():
        if str(operation) not in STAFF:
            with subtests.test(str(operation)):
                caller = somebody() if str(operation) in ENDINGS else client
                assert send(caller, operation).status_code not in (401, 403) or "/auth/" in operation.path


# --- How it is written ------------------------------------------------------------------------------------------------


def test_every_path_works_with_and_without_its_slash_for_every_method(
    somebody: Callable[..., APIClient], subtests: pytest.Subtests
) -> None:
    client = somebody(is_staff=True, is_superuser=True)
    for operation in operations():
        with subtests.test(str(operation)):
            assert operation.address.endswith("/")
            callers = [somebody(), somebody()] if str(operation) in ENDINGS else [client, client]
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


def test_a_method_that_an_address_does_not_have_is_405_and_named_in_allow(
    as_staff: APIClient, subtests: pytest.Subtests
) -> None:
    methods: dict[str, set[str]] = {}
    for operation in operations():
        methods.setdefault(operation.address, set()).add(operation.method)
    for address, known in methods.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - known:
            for path in (address, address.rstrip("/")):
                with subtests.test(f"{method} {path}"):
                    reply = as_staff.generic(method, path, b"{}", content_type="application/json")
                    assert refusal(reply, 405) == ("method_not_allowed", None)
                    allowed = {each.strip() for each in reply["Allow"].split(",")}
                    assert allowed - {"HEAD", "OPTIONS"} == known


def test_head_answers_like_get_without_a_body(as_staff: APIClient, subtests: pytest.Subtests) -> None:
    for operation in operations():
        if operation.method == "GET":
            with subtests.test(str(operation)):
                get, head = as_staff.get(operation.address), as_staff.head(operation.address)
                assert (head.status_code, head["Content-Type"]) == (get.status_code, get["Content-Type"])
                assert head.content in (b"", get.content)  # the server drops it on the wire


def test_options_is_never_a_fault(
    anonymous: APIClient, as_customer: APIClient, as_staff: APIClient, subtests: pytest.Subtests
) -> None:
    for operation in operations():
        for name, client in (("nobody", anonymous), ("a customer", as_customer), ("staff", as_staff)):
            with subtests.test(f"{name} {operation.address}"):
                assert client.options(operation.address).status_code in (200, 401, 403, 404)


def test_a_browser_may_ask_first(anonymous: APIClient, settings: Any) -> None:
    settings.CORS_ALLOW_ALL_ORIGINS = False
    settings.CORS_ALLOWED_ORIGINS = ["https://shop.test"]
    headers = {
        "Origin": "https://shop.test",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, idempotency-key, x-cart-token, if-none-match",
    }
    reply = anonymous.options("/api/v1/orders/", headers=headers)
    assert (reply.status_code, reply["Access-Control-Allow-Origin"]) == (200, "https://shop.test")
    allowed = {each.strip() for each in reply["Access-Control-Allow-Headers"].split(",")}
    assert allowed >= {"authorization", "idempotency-key", "x-cart-token", "if-none-match"}

    reply = anonymous.get("/api/v1/products/", headers={"Origin": "https://shop.test"})
    exposed = {each.strip() for each in reply["Access-Control-Expose-Headers"].split(",")}
    assert exposed == {"X-Cart-Token", "Idempotency-Replayed", "Retry-After", "ETag"}
    reply = anonymous.get("/api/v1/products/", headers={"Origin": "https://evil.test"})
    assert "Access-Control-Allow-Origin" not in reply
