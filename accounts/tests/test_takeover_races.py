"""Writes that are under way when an account is taken over."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from accounts import services
from accounts.authentication import AccessTokenAuthentication
from accounts.links import RESET
from accounts.models import Address, TokenFamily, User
from accounts.tokens import issue_tokens
from cart.models import Cart
from cart.promotions.models import PromotionUse
from catalog.models import Product
from orders.models import Order
from shop import audit
from shop.dev.testing.images import image_file
from shop.dev.testing.mails import all_at_the_link, work
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, add_to_cart, run_concurrently
from shop.dev.testing.takeover import ADDRESS, NEW_PASSWORD, confirm, log_in, mine, reset_link, settle_in, token_client
from shop.jobs import Job

pytestmark = pytest.mark.django_db


def test_two_who_follow_the_link_at_once_take_it_over_once(
    stranger: APIClient, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    settle_in(stranger, make_product)
    link = reset_link()
    all_at_the_link(monkeypatch, RESET, 2)
    replies = run_concurrently(*[lambda n=n: confirm(link, f"{NEW_PASSWORD}-{n}") for n in range(2)])
    assert sorted(reply.status_code for reply in replies) == [204, 400]
    assert Job.objects.filter(kind="shop.delete_image").count() == 1


WRITES: dict[str, Callable[[APIClient, str], Any]] = {
    "address": lambda client, _: client.post(f"{API}/users/me/addresses/", ADDRESS),
    "changed address": lambda client, pk: client.patch(f"{API}/users/me/addresses/{pk}/", {"line2": "Stranger"}),
    "profile": lambda client, _: client.patch(f"{API}/users/me/", {"name": "Mallory Stranger", "phone": "+44 555"}),
    "picture": lambda client, _: client.put(f"{API}/users/me/avatar/", {"image": image_file()}, format="multipart"),
    "no picture": lambda client, _: client.delete(f"{API}/users/me/avatar/"),
    "leaving": lambda client, _: client.delete(f"{API}/users/me/"),
}


def in_flight(monkeypatch: pytest.MonkeyPatch, then: Callable[[], Any]) -> None:
    """Run ``then`` after the next request is authenticated, before it does anything."""
    authenticate = AccessTokenAuthentication.authenticate

    def first_then(self: Any, request: Any) -> Any:
        found = authenticate(self, request)
        monkeypatch.setattr(AccessTokenAuthentication, "authenticate", authenticate)
        then()
        return found

    monkeypatch.setattr(AccessTokenAuthentication, "authenticate", first_then)


def state() -> dict[str, Any]:
    """The rows that belong to an account."""
    names = ("accounts_user", "accounts_address", "cart_cart", "orders_order", "orders_review")
    return {name: list(connection.database[name].find(sort=[("_id", 1)])) for name in names}


@pytest.mark.parametrize("write", list(WRITES))
def test_a_write_that_was_under_way_does_not_land_after_the_takeover(
    stranger: APIClient, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch, write: str
) -> None:
    settle_in(stranger, make_product)
    link, pk = reset_link(), str(Address.objects.get().pk)
    after: list[dict] = []

    def take_over() -> None:
        assert confirm(link).status_code == 204
        after.append(state())

    in_flight(monkeypatch, take_over)
    reply = WRITES[write](stranger, pk)
    assert reply.status_code in (401, 404), reply.content
    assert state() == after[0]
    owner = log_in()
    assert mine(owner)["addresses"] == []


def test_a_cart_that_was_being_filled_is_not_the_owner_s(
    stranger: APIClient, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    settle_in(stranger, make_product)
    link, product = reset_link(), make_product()
    in_flight(monkeypatch, lambda: confirm(link))
    reply = stranger.post(f"{API}/cart/items/", {"product": str(product.pk), "quantity": 1})
    assert refusal(reply, 401) == ("user_not_found", None)
    assert not Cart.objects.exists()


def test_an_order_that_was_being_placed_finds_no_cart(
    stranger: APIClient, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    settle_in(stranger, make_product)
    link = reset_link()
    in_flight(monkeypatch, lambda: confirm(link))
    reply = stranger.post(f"{API}/orders/", {"shipping_address": ADDRESS})
    assert refusal(reply, 400) == ("empty_cart", None)
    assert not Order.objects.exists()


def test_whatever_a_stranger_writes_at_the_same_moment_the_owner_has_none_of_it(
    make_user: Callable[..., User], make_product: Callable[..., Product]
) -> None:
    product = make_product(stock=100)
    for _ in range(3):
        user = make_user(name="Mallory Stranger")
        clients = [token_client(issue_tokens(user)["access"]) for _ in range(4)]
        add_to_cart(clients[0], product)
        user.refresh_from_db()
        run_concurrently(
            lambda user=user: services.reset_password(user=user, new_password=NEW_PASSWORD),
            lambda client=clients[0]: client.post(f"{API}/users/me/addresses/", ADDRESS),
            lambda client=clients[1]: client.patch(f"{API}/users/me/", {"name": "Mallory"}),
            lambda client=clients[2]: client.post(f"{API}/orders/", {"shipping_address": ADDRESS}),
            lambda client=clients[3]: client.post(f"{API}/cart/items/", {"product": str(product.pk), "quantity": 1}),
        )
        user.refresh_from_db()
        assert (user.name, user.email_verified) == ("", True)
        assert not Address.objects.filter(user=user).exists()
        assert not Cart.objects.filter(user=user).exists()
        assert not Order.objects.filter(user=user).exists()
        assert not PromotionUse.objects.filter(user=user).exists()
        assert not TokenFamily.objects.filter(user=user, version=user.token_version).exists()
    work()
    assert not Order.objects.filter(status="pending").exists()
    assert not audit.violations()
