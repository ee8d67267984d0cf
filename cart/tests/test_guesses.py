"""Guessing coupon codes: failed attempts are limited by user, guest cart and address, successful ones are not."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from cart.models import Cart
from cart.promotions.models import Promotion
from catalog.models import Product
from conftest import client_of
from shop.db import caches
from shop.dev.testing.redis import redis_server
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, run_concurrently

pytestmark = pytest.mark.django_db(transaction=True)

COUPON = f"{API}/cart/coupon/"


@pytest.fixture(autouse=True)
def limited(settings: Any) -> None:
    settings.RATE_LIMITS = True
    others = dict.fromkeys(settings.RATE_LIMIT_RULES, (10_000, 3600))
    settings.RATE_LIMIT_RULES = {**others, "coupon": (5, 3600), "coupon_address": (12, 3600)}


@pytest.fixture(autouse=True)
def good(db: None) -> Promotion:
    return Promotion.objects.create(code="GOOD", kind="percentage", value=Decimal(10))


@pytest.fixture(params=["MongoDB", "Redis"])
def counting(request: Any, settings: Any) -> Iterator[None]:
    if request.param == "MongoDB":
        yield
        return
    with redis_server() as url:
        settings.CACHE_URL = url
        yield


def guess(client: APIClient, code: str = "NOSUCH", **options: Any) -> int:
    return client.put(COUPON, {"code": code}, **options).status_code


@pytest.mark.usefixtures("counting")
def test_the_sixth_wrong_guess_is_429_and_so_is_a_right_one_then(customer: User, make_user: Any) -> None:
    client = client_of(customer)
    assert [guess(client) for _ in range(6)] == [400] * 5 + [429]
    reply = client.put(COUPON, {"code": "GOOD"})
    assert refusal(reply, 429) == ("throttled", None)
    assert 3500 < int(reply["Retry-After"]) <= 3600
    # The count is shared by processes, and another user at another address has a separate one.
    caches.clear_all()
    assert guess(client_of(customer), "GOOD") == 429
    assert guess(client_of(make_user()), "GOOD") == 200
    assert not Cart.objects.filter(user=customer).exists()


@pytest.mark.usefixtures("counting")
def test_an_honest_shopper_s_successes_never_run_out(as_customer: APIClient) -> None:
    for _ in range(13):
        assert guess(as_customer, "GOOD") == 200
        assert as_customer.delete(COUPON).status_code == 200
    # They do not reset the count either.
    statuses = [guess(as_customer, code) for code in ("X", "GOOD") * 5]
    assert statuses == [*[400, 200] * 4, 400, 429]


def test_many_guesses_at_once_never_pass_the_limit(customer: User) -> None:
    clients = [client_of(customer) for _ in range(16)]
    statuses = run_concurrently(*[lambda c=client: guess(c) for client in clients])
    assert sorted(statuses) == [400] * 5 + [429] * 11


def test_guests_are_limited_by_cart_and_new_carts_and_accounts_by_address(
    anonymous: APIClient, make_user: Callable[..., User], make_product: Callable[..., Product]
) -> None:
    body = {"product": str(make_product(stock=50).pk)}

    def cart() -> dict[str, str]:
        return {"X-Cart-Token": anonymous.post(f"{API}/cart/items/", body)["X-Cart-Token"]}

    first = cart()
    assert [guess(anonymous, headers=first) for _ in range(6)] == [400] * 5 + [429]
    # The address has six attempts left, for any account; refused requests did not count.
    others = [{"headers": cart()}, {"headers": {"X-Cart-Token": "made up"}}, {}]
    assert [guess(anonymous, **others[n % 3]) for n in range(6)] == [400] * 6
    assert guess(client_of(make_user())) == 400
    assert guess(client_of(make_user())) == 429
    assert guess(anonymous, "GOOD", headers=cart()) == 429
    assert guess(anonymous, "GOOD", headers=cart(), REMOTE_ADDR="203.0.113.9") == 200


def test_many_ipv6_networks_do_not_give_as_many_guesses(anonymous: APIClient, settings: Any) -> None:
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 1}
    settings.RATE_LIMIT_RULES["coupon_address"] = (2, 3600)
    statuses = [guess(anonymous, HTTP_X_FORWARDED_FOR=f"2001:db8:0:{n:x}::1") for n in range(12)]
    assert statuses == [400] * 8 + [429] * 4
    for _ in range(13):
        assert guess(anonymous, "GOOD", HTTP_X_FORWARDED_FOR="2001:db8:1::1") == 200


def test_a_malformed_code_is_no_guess(as_customer: APIClient) -> None:
    assert {guess(as_customer, code) for code in ("", "x" * 41) * 5} == {400}
    assert guess(as_customer, "GOOD") == 200
