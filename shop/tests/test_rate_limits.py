"""Rate limits: one count for all, no way around them, nobody else locked out."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from conftest import PASSWORD, client_of
from shop.rate_limits import RateWindow

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def limited(settings: Any) -> None:
    """Windows so long that no test sees two of them (but for one in 3,000 years)."""
    settings.RATE_LIMITS = True
    settings.RATE_LIMIT_RULES = dict.fromkeys(settings.RATE_LIMIT_RULES, (5, 10**11))
    settings.RATE_LIMIT_RULES["login"] = (50, 10**11)


def log_in(email: str, **headers: str) -> int:
    return APIClient().post("/api/v1/auth/login/", {"email": email, "password": "wrong"}, **headers).status_code


def test_the_sixth_guess_at_an_account_is_429_with_the_time_to_wait(customer: User) -> None:
    assert [log_in(customer.email) for _ in range(5)] == [401] * 5
    reply = APIClient().post("/api/v1/auth/login/", {"email": customer.email.upper(), "password": PASSWORD})
    assert reply.status_code == 429
    assert int(reply["Retry-After"]) > 0
    assert reply.json()["type"] == "client_error"
    assert reply.json()["errors"][0]["code"] == "throttled"


def test_rotating_forwarded_addresses_does_not_get_around_a_limit(customer: User) -> None:
    statuses = [log_in(customer.email, HTTP_X_FORWARDED_FOR=f"10.0.0.{n}") for n in range(6)]
    assert statuses == [401] * 5 + [429]


def test_a_stranger_elsewhere_does_not_lock_the_owner_out(customer: User) -> None:
    for _ in range(8):
        log_in(customer.email, REMOTE_ADDR="203.0.113.9")
    reply = APIClient().post("/api/v1/auth/login/", {"email": customer.email, "password": PASSWORD})
    assert reply.status_code == 200


def test_many_at_once_never_pass_the_limit(customer: User) -> None:
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: log_in(customer.email), range(24)))
    assert sorted(statuses) == [401] * 5 + [429] * 19


def test_one_customer_s_limit_is_not_another_s(customer: User, make_user: Any) -> None:
    def statuses(user: User) -> list[int]:
        client = client_of(user)
        return [client.post("/api/v1/orders/quote/", {}).status_code for _ in range(6)]

    assert statuses(customer) == [400] * 5 + [429]
    assert statuses(make_user()) == [400] * 5 + [429]


def test_reading_the_catalogue_is_not_limited(anonymous: APIClient) -> None:
    assert {anonymous.get("/api/v1/products/").status_code for _ in range(8)} == {200}
    assert RateWindow.objects.count() == 0
