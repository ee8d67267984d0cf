"""Guest carts, and their merge at login."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError
from rest_framework.test import APIClient

from accounts.models import User
from cart.models import Cart
from catalog import stock
from catalog.models import Product
from conftest import PASSWORD, client_of
from shop.dev.testing.failures import failing
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, add_to_cart, cart_of, run_concurrently, variant_of

pytestmark = [pytest.mark.django_db, pytest.mark.quick]

TOKEN = "X-Cart-Token"


def begin(client: APIClient, product: Product, quantity: int = 1) -> str:
    """Let a guest put something into a new cart; return its token."""
    reply = client.post(f"{API}/cart/items/", {"product": str(product.pk), "quantity": quantity})
    assert reply.status_code == 201, reply.content
    return reply[TOKEN]


def log_in(token: str, email: str = "ada@example.com") -> APIClient:
    reply = APIClient().post(
        f"{API}/auth/login/", {"email": email, "password": PASSWORD}, headers={TOKEN: token} if token else None
    )
    assert reply.status_code == 200, reply.content
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {reply.json()['access']}")
    return client


def quantities(cart: dict[str, Any]) -> dict[str, int]:
    return {item["product"]["name"]: item["quantity"] for item in cart["items"]}


def test_the_first_change_hands_out_a_token_that_opens_the_cart(
    anonymous: APIClient, make_product: Callable[..., Product]
) -> None:
    product = make_product()
    token = begin(anonymous, product)
    assert len(token) >= 40
    assert quantities(cart_of(anonymous, **{TOKEN: token})) == {"Thing 1": 1}
    again = anonymous.post(f"{API}/cart/items/", {"product": str(product.pk)}, headers={TOKEN: token})
    assert TOKEN not in again
    assert quantities(again.json()) == {"Thing 1": 2}
    # The database keeps only a digest.
    assert token not in str(list(Cart.objects.values()))


@pytest.mark.parametrize("token", ["", "nonsense", "a" * 5000])
def test_looking_without_a_good_token_makes_nothing(anonymous: APIClient, token: str) -> None:
    reply = anonymous.get(f"{API}/cart/", headers={TOKEN: token})
    assert (reply.status_code, reply.json()["id"], reply.json()["items"]) == (200, None, [])
    assert TOKEN not in reply
    emptied = anonymous.delete(f"{API}/cart/", headers={TOKEN: token})
    assert (emptied.status_code, emptied.json()["id"]) == (200, None)
    assert TOKEN not in emptied
    assert refusal(anonymous.delete(f"{API}/cart/items/{'0' * 24}/", headers={TOKEN: token}), 404)[0] == "not_found"
    assert refusal(anonymous.patch(f"{API}/cart/items/{'0' * 24}/", {"quantity": 1}, headers={TOKEN: token}), 404)
    assert not Cart.objects.exists()


def test_an_unknown_token_begins_a_new_cart_under_another_one(
    anonymous: APIClient, make_product: Callable[..., Product]
) -> None:
    made_up = "chosen-by-the-guest"
    reply = anonymous.post(f"{API}/cart/items/", {"product": str(make_product().pk)}, headers={TOKEN: made_up})
    assert reply.status_code == 201
    assert reply[TOKEN] != made_up
    assert cart_of(anonymous, **{TOKEN: made_up})["items"] == []


def test_one_guest_cannot_reach_the_cart_of_another(anonymous: APIClient, make_product: Callable[..., Product]) -> None:
    first, second = begin(anonymous, make_product("Mug")), begin(anonymous, make_product("Hat"))
    assert first != second
    mug = cart_of(anonymous, **{TOKEN: first})["items"][0]["id"]
    assert anonymous.delete(f"{API}/cart/items/{mug}/", headers={TOKEN: second}).status_code == 404
    assert quantities(cart_of(anonymous, **{TOKEN: first})) == {"Mug": 1}
    assert quantities(cart_of(anonymous, **{TOKEN: second})) == {"Hat": 1}


def test_who_is_logged_in_has_their_own_cart_whatever_token_they_send(
    as_customer: APIClient, anonymous: APIClient, make_product: Callable[..., Product]
) -> None:
    token = begin(anonymous, make_product())
    assert cart_of(as_customer, **{TOKEN: token})["items"] == []


def test_a_login_merges_the_guests_cart_capped_at_stock_and_the_token_dies(
    customer: User, anonymous: APIClient, make_product: Callable[..., Product]
) -> None:
    both, scarce, new = make_product("Both"), make_product("Scarce", stock=5), make_product("New")
    mine = client_of(customer)
    add_to_cart(mine, both, 1)
    add_to_cart(mine, scarce, 4)
    token = begin(anonymous, both, 2)
    add_to_cart(anonymous, scarce, 3, **{TOKEN: token})
    add_to_cart(anonymous, new, 5, **{TOKEN: token})
    stock.adjust(variant_of(new), to=2)

    cart = cart_of(log_in(token))

    assert quantities(cart) == {"Both": 3, "Scarce": 5, "New": 2}
    assert cart_of(anonymous, **{TOKEN: token})["items"] == []
    assert quantities(cart_of(log_in(token))) == {"Both": 3, "Scarce": 5, "New": 2}
    assert Cart.objects.count() == 1


def test_a_merge_never_takes_away_what_the_user_had(
    customer: User, anonymous: APIClient, make_product: Callable[..., Product]
) -> None:
    product = make_product("Scarce", stock=5)
    add_to_cart(client_of(customer), product, 4)
    token = begin(anonymous, product, 1)
    stock.adjust(variant_of(product), to=2)
    assert quantities(cart_of(log_in(token))) == {"Scarce": 4}


def test_a_registration_takes_the_guests_cart_along(anonymous: APIClient, make_product: Callable[..., Product]) -> None:
    token = begin(anonymous, make_product("Mug"), 2)
    reply = anonymous.post(
        f"{API}/auth/register/",
        {"email": "new@example.com", "password": PASSWORD, "name": "New"},
        headers={TOKEN: token},
    )
    assert reply.status_code == 201, reply.content
    anonymous.credentials(HTTP_AUTHORIZATION=f"Bearer {reply.json()['access']}")
    assert quantities(cart_of(anonymous)) == {"Mug": 2}
    assert Cart.objects.get().token_digest is None


@pytest.mark.parametrize("token", ["", "nonsense"])
def test_a_login_without_a_guests_cart_leaves_ones_own_alone(
    customer: User, make_product: Callable[..., Product], token: str
) -> None:
    add_to_cart(client_of(customer), make_product("Mug"), 2)
    assert quantities(cart_of(log_in(token))) == {"Mug": 2}


def test_logins_at_the_same_moment_merge_the_cart_once(
    customer: User, anonymous: APIClient, make_product: Callable[..., Product]
) -> None:
    token = begin(anonymous, make_product("Mug", stock=50), 3)
    run_concurrently(*[lambda: log_in(token)] * 5)
    assert quantities(cart_of(client_of(customer))) == {"Mug": 3}
    assert Cart.objects.count() == 1


def test_a_merge_that_fails_half_way_loses_nothing(
    customer: User, anonymous: APIClient, make_product: Callable[..., Product]
) -> None:
    product = make_product("Mug")
    add_to_cart(client_of(customer), product, 1)
    token = begin(anonymous, product, 2)
    with failing("update", Cart, errorCode=8000), pytest.raises(DatabaseError):
        log_in(token)
    assert quantities(cart_of(anonymous, **{TOKEN: token})) == {"Mug": 2}
    assert quantities(cart_of(client_of(customer))) == {"Mug": 1}
    assert quantities(cart_of(log_in(token))) == {"Mug": 3}
