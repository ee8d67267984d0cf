"""Rate limits: shared by all processes, without bypass or lockout of others."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from threading import Barrier
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from conftest import PASSWORD, client_of
from shop.api.counters import RateWindow
from shop.db import caches
from shop.dev.testing.commands import count_commands
from shop.dev.testing.limits import LOGIN, counts, log_in
from shop.dev.testing.replies import refusal
from shop.dev.testing.routes import operations

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("few_uses")]


KEY, FORMER_KEY = "k3y-of-the-storefront-server-2026-q4", "f0rmer-key-of-the-storefront-server"


# --- Counting ---------------------------------------------------------------------------------------------------------


def test_the_sixth_guess_at_an_account_is_429_with_the_time_to_wait(customer: User) -> None:
    assert [log_in(customer.email) for _ in range(5)] == [401] * 5
    reply = APIClient().post(LOGIN, {"email": customer.email.upper(), "password": PASSWORD})
    assert refusal(reply, 429) == ("throttled", None)
    assert 3500 < int(reply["Retry-After"]) <= 3600


def test_a_window_starts_with_the_first_use_and_expires(customer: User, settings: Any) -> None:
    settings.RATE_LIMIT_RULES["login_account"] = (1, 1)
    assert [log_in(customer.email) for _ in range(2)] == [401, 429]
    RateWindow.objects.filter(count=2).update(expires_at="2020-01-01T00:00:00Z")
    assert [log_in(customer.email) for _ in range(2)] == [401, 429]


def test_many_at_once_never_pass_the_limit(customer: User) -> None:
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: log_in(customer.email), range(24)))
    assert sorted(statuses) == [401] * 5 + [429] * 19


CART = "/api/v1/cart/items/"


def test_what_is_counted_ahead_is_neither_more_nor_less_than_the_limit(
    customer: User, make_user: Any, settings: Any
) -> None:
    settings.RATE_LIMIT_RULES["cart"] = (75, 3600)
    clients = [client_of(customer) for _ in range(8)]
    start = Barrier(8)

    def ask(client: APIClient) -> list[int]:
        start.wait()
        return [client.post(CART, {}).status_code for _ in range(12)]

    with ThreadPoolExecutor(8) as pool:
        many = [*chain(*pool.map(ask, clients))]
    assert (many.count(400), many.count(429)) == (75, 21)
    assert 3500 < int(clients[0].post(CART, {})["Retry-After"]) <= 3600
    # Another customer's are their own: ten of them cost one count, and one opens the next.
    other = client_of(make_user())
    asked = []
    for _ in range(11):
        with count_commands() as commands:
            assert other.post(CART, {}).status_code == 400
        asked.append(sum(command.collection == RateWindow._meta.db_table for command in commands))
    assert asked == [1, *[0] * 9, 1]


def test_what_one_process_has_counted_ahead_no_other_has(customer: User, settings: Any) -> None:
    settings.RATE_LIMIT_RULES["cart"] = (25, 3600)
    client = client_of(customer)
    assert client.post(CART, {}).status_code == 400
    # Another process begins with nothing.
    caches.clear_all()
    assert [client.post(CART, {}).status_code for _ in range(16)] == [400] * 15 + [429]


def test_what_was_counted_ahead_ends_with_its_window(customer: User, settings: Any) -> None:
    settings.RATE_LIMIT_RULES["cart"] = (10, 1)
    client = client_of(customer)
    assert [client.post(CART, {}).status_code for _ in range(4)] == [400] * 4
    time.sleep(1.1)
    assert [client.post(CART, {}).status_code for _ in range(10)] == [400] * 10


def test_one_customer_s_limit_is_not_another_s(customer: User, make_user: Any) -> None:
    def statuses(user: User) -> list[int]:
        client = client_of(user)
        return [client.post("/api/v1/orders/quote/", {}).status_code for _ in range(6)]

    assert statuses(customer) == [400] * 5 + [429]
    assert statuses(make_user()) == [400] * 5 + [429]


def test_reading_the_catalog_is_not_limited(anonymous: APIClient) -> None:
    assert {anonymous.get("/api/v1/products/").status_code for _ in range(8)} == {200}
    assert counts() == 0


LIMITED = {
    "POST /auth/register/",
    "POST /auth/login/",
    "POST /auth/refresh/",
    "POST /auth/logout/",
    "POST /auth/logout-all/",
    "POST /auth/password/change/",
    "POST /auth/password/reset/",
    "POST /auth/password/reset/confirm/",
    "POST /auth/email/verify/",
    "POST /auth/email/verify/confirm/",
    "GET /users/me/export/",
    "POST /users/me/addresses/",
    "PUT /users/me/avatar/",
    "POST /products/bulk/",
    "POST /stock/bulk/",
    "POST /prices/bulk/",
    "PUT /collections/{slug}/image/",
    "POST /products/{product_pk}/images/",
    "POST /cart/items/",
    "PUT /cart/items/",
    "PATCH /cart/items/{id}/",
    "DELETE /cart/items/{id}/",
    "DELETE /cart/",
    "PUT /cart/coupon/",
    "DELETE /cart/coupon/",
    "POST /orders/",
    "POST /orders/quote/",
    "POST /orders/lookup/",
    "POST /orders/{number}/cancel/",
    "POST /payments/",
    "POST /payments/{id}/refunds/",
}


def test_whatever_costs_or_can_be_guessed_is_limited(
    make_user: Callable[..., User], settings: Any, subtests: pytest.Subtests
) -> None:
    settings.RATE_LIMIT_RULES = dict.fromkeys(settings.RATE_LIMIT_RULES, (0, 3600))
    client = client_of(make_user(is_staff=True, is_superuser=True))
    known = {str(operation): operation for operation in operations()}
    for name in sorted(LIMITED):
        with subtests.test(name):
            reply = client.generic(known[name].method, known[name].address, b"{}", content_type="application/json")
            assert refusal(reply, 429) == ("throttled", None)


# --- Addresses --------------------------------------------------------------------------------------------------------


def test_rotating_forwarded_addresses_does_not_get_around_a_limit(customer: User) -> None:
    statuses = [log_in(customer.email, HTTP_X_FORWARDED_FOR=f"10.0.0.{n}") for n in range(6)]
    assert statuses == [401] * 5 + [429]


def test_behind_a_proxy_only_what_the_proxy_wrote_counts(customer: User, settings: Any) -> None:
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 1}
    forged = [log_in(customer.email, HTTP_X_FORWARDED_FOR=f"10.0.0.{n}, 203.0.113.9") for n in range(6)]
    assert forged == [401] * 5 + [429]
    assert log_in(customer.email, HTTP_X_FORWARDED_FOR="203.0.113.9, 203.0.113.10") == 401


def test_a_storefront_server_with_a_key_passes_its_shoppers_addresses_on(customer: User, settings: Any) -> None:
    settings.STOREFRONT_KEYS = [FORMER_KEY, KEY]

    def statuses(key: str, addresses: list[str]) -> list[int]:
        headers = {"HTTP_X_STOREFRONT_KEY": key} if key else {}
        return [log_in(customer.email, HTTP_X_SHOPPER_ADDRESS=address, **headers) for address in addresses]

    # Each shopper has an own limit; one that rotates IPv6 addresses has one.
    assert statuses(KEY, ["198.51.100.1"] * 6) == [401] * 5 + [429]
    assert statuses(FORMER_KEY, [f"2001:db8:1:2::{n}" for n in range(6)]) == [401] * 5 + [429]
    assert statuses(KEY, ["198.51.100.2"]) == [401]
    # Without a valid key the header is ignored, as is a malformed address.
    other = [("", "198.51.100.3"), (KEY[:-1], "198.51.100.4"), (KEY.upper(), "198.51.100.5"), ("ключ", "198.51.100.6")]
    ignored = [statuses(key, [address])[0] for key, address in [*other, (KEY, "nowhere"), (KEY, "1.2.3.4, 5.6.7.8")]]
    assert ignored == [401] * 5 + [429]


@pytest.mark.parametrize(
    "addresses",
    [
        [f"203.0.113.9:{port}" for port in range(4000, 4006)],
        [f"2001:db8:1:2::{n}" for n in range(1, 7)],
        [f"[2001:db8:1:2::{n}]:443" for n in range(1, 7)],
        [
            "203.0.113.9",
            "::ffff:203.0.113.9",
            "203.0.113.9:1",
            "::ffff:cb00:7109",
            "[::ffff:203.0.113.9]:5",
            " 203.0.113.9",
        ],
    ],
    ids=["ports", "one IPv6 network", "with brackets", "IPv4 written otherwise"],
)
def test_one_place_under_many_names_is_one(customer: User, settings: Any, addresses: list[str]) -> None:
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 1}
    statuses = [log_in(customer.email, HTTP_X_FORWARDED_FOR=address) for address in addresses]
    assert statuses == [401] * 5 + [429]
    assert log_in(customer.email, HTTP_X_FORWARDED_FOR="2001:db8:1:3::1") == 401


@pytest.fixture
def behind_a_proxy(settings: Any) -> None:
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 1}


def log_in_from(address: str, email: str) -> int:
    return log_in(email, HTTP_X_FORWARDED_FOR=f"2001:db8:ffff::1, {address}")


@pytest.mark.usefixtures("behind_a_proxy")
@pytest.mark.parametrize(
    ("network", "allowed"),
    [("2001:db8:1:{:x}::1", 20), ("2001:db8:1:{:x}00::1", 80)],
    ids=["a /56 has four times the limit of a /64", "a /48 has sixteen times"],
)
@pytest.mark.parametrize("scope", ["login", "login_account", "login_account_hour"])
def test_many_ipv6_networks_do_not_multiply_the_limits(
    customer: User, settings: Any, network: str, allowed: int, scope: str
) -> None:
    others = dict.fromkeys(settings.RATE_LIMIT_RULES, (10_000, 3600))
    settings.RATE_LIMIT_RULES = {**others, scope: (5, 3600)}
    statuses = [log_in_from(network.format(n), customer.email) for n in range(1, allowed + 5)]
    assert statuses == [401] * allowed + [429] * 4
    assert log_in_from("2001:db8:2::1", customer.email) == 401


@pytest.mark.usefixtures("behind_a_proxy")
@pytest.mark.parametrize("scope", ["register", "register_account", "reset", "reset_account", "link", "refresh", "cart"])
def test_every_scope_that_is_counted_by_address_counts_wider_ipv6_networks(settings: Any, scope: str) -> None:
    settings.RATE_LIMIT_RULES = {**dict.fromkeys(settings.RATE_LIMIT_RULES, (10_000, 3600)), scope: (1, 3600)}
    new = {"email": "new@example.com", "password": PASSWORD, "name": "New"}
    path, body = {
        "register": ("/auth/register/", {}),
        "register_account": ("/auth/register/", new),
        "reset": ("/auth/password/reset/", {}),
        "reset_account": ("/auth/password/reset/", {"email": "new@example.com"}),
        "link": ("/auth/email/verify/confirm/", {}),
        "refresh": ("/auth/refresh/", {}),
        "cart": ("/cart/items/", {}),
    }[scope]
    limited = [
        APIClient().post(f"/api/v1{path}", body, HTTP_X_FORWARDED_FOR=f"2001:db8:1:{n:x}::1").status_code == 429
        for n in range(6)
    ]
    assert limited == [False] * 4 + [True] * 2


@pytest.mark.usefixtures("behind_a_proxy")
def test_a_refused_ipv6_network_uses_up_nothing_of_its_neighbours(customer: User) -> None:
    assert [log_in_from("2001:db8:1:1::1", customer.email) for _ in range(24)] == [401] * 5 + [429] * 19
    assert [log_in_from("2001:db8:1:2::1", customer.email) for _ in range(6)] == [401] * 5 + [429]


@pytest.mark.usefixtures("behind_a_proxy")
@pytest.mark.parametrize(
    "addresses",
    [
        ["203.0.113.9", "::ffff:203.0.113.9"],
        ["203.0.113.9", "64:ff9b::203.0.113.9"],
        ["203.0.113.9", "2002:cb00:7109::1", "2002:cb00:7109:ffff::1"],
        # A client behind a Teredo server at 192.0.2.45, with port and address inverted.
        ["203.0.113.9", "2001:0:c000:22d:8000:63bf:34ff:8ef6", "[2001:0:c000:22d:8000:1111:34ff:8ef6]:443"],
    ],
    ids=["mapped", "NAT64", "6to4", "Teredo"],
)
def test_an_ipv6_address_of_an_ipv4_holder_counts_as_that_ipv4_address(customer: User, addresses: list[str]) -> None:
    assert [log_in_from(addresses[n % len(addresses)], customer.email) for n in range(6)] == [401] * 5 + [429]
    # The neighbour at the same translator, relay or server is someone else.
    for other in ("64:ff9b::203.0.113.10", "2002:cb00:710a::1", "2001:0:c000:22d:8000:63bf:34ff:8ef5"):
        assert log_in_from(other, customer.email) == 401


@pytest.mark.usefixtures("behind_a_proxy")
def test_ipv4_costs_one_command_and_ipv6_little_more(settings: Any) -> None:
    settings.RATE_LIMIT_RULES = dict.fromkeys(settings.RATE_LIMIT_RULES, (1000, 3600))

    def counted(path: str, address: str, times: int) -> int:
        with count_commands() as commands:
            for _ in range(times):
                assert APIClient().post(path, {}, HTTP_X_FORWARDED_FOR=address).status_code == 400
        return len(commands.on(RateWindow._meta.db_table))

    assert [counted(path, "203.0.113.9", 160) for path in (LOGIN, CART)] == [160, 16]
    # The /56 counts four uses at once, the /48 sixteen; for the cart ten times as many.
    assert [counted(path, "2001:db8::1", 160) for path in (LOGIN, CART)] == [160 + 40 + 10, 16 + 4 + 1]
