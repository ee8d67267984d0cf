"""Rate limits do not lock the owner of an account out, with or without Redis."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import KnownNetwork, User
from conftest import PASSWORD, client_of
from shop.api import counters
from shop.dev.testing.limits import LOGIN, counts, log_in
from shop.dev.testing.mails import link_in, work
from shop.dev.testing.redis import redis_server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("few_uses")]


@pytest.fixture
def redis(settings: Any) -> Iterator[str]:
    with redis_server() as url:
        settings.CACHE_URL = url
        yield url


# --- No lockout -------------------------------------------------------------------------------------------------------


def test_a_stranger_elsewhere_does_not_lock_the_owner_out(customer: User) -> None:
    for _ in range(8):
        log_in(customer.email, REMOTE_ADDR="203.0.113.9")
    assert log_in(customer.email, PASSWORD) == 200


def test_all_strangers_together_have_one_limit_and_the_owner_at_home_is_none_of_them(
    customer: User, settings: Any
) -> None:
    settings.RATE_LIMIT_RULES["login_strangers"] = (10, 3600)
    assert log_in(customer.email, PASSWORD, REMOTE_ADDR="198.51.100.1") == 200

    statuses = [log_in(customer.email, REMOTE_ADDR=f"203.0.113.{n}") for n in range(20)]
    # The owner's first login came from an unknown network, too.
    assert statuses == [401] * 9 + [429] * 11
    assert log_in(customer.email, PASSWORD, REMOTE_ADDR="203.0.113.99") == 429
    assert log_in(customer.email, PASSWORD, REMOTE_ADDR="198.51.100.1") == 200
    # From a known network guessing is not faster.
    assert [log_in(customer.email, REMOTE_ADDR="198.51.100.1") for _ in range(4)] == [401] * 3 + [429]


def test_guesses_at_the_old_password_do_not_keep_the_owner_from_ending_every_login(customer: User) -> None:
    thief, owner = client_of(customer), client_of(customer)
    guess = {"old_password": "wrong", "new_password": "another-horse-battery"}
    statuses = [thief.post("/api/v1/auth/password/change/", guess).status_code for _ in range(6)]
    assert statuses == [400] * 5 + [429]
    assert owner.post("/api/v1/auth/logout-all/").status_code == 204
    assert thief.get("/api/v1/users/me/").status_code == 401


def test_the_network_of_the_registration_is_known(settings: Any) -> None:
    settings.RATE_LIMIT_RULES["login_strangers"] = (0, 3600)
    new = {"email": "new@example.com", "password": PASSWORD, "name": "New"}
    assert APIClient().post("/api/v1/auth/register/", new).status_code == 201
    assert log_in("new@example.com", PASSWORD) == 200
    assert log_in("new@example.com", PASSWORD, REMOTE_ADDR="203.0.113.9") == 429


def test_following_a_mailed_link_makes_the_network_known(customer: User, settings: Any) -> None:
    settings.RATE_LIMIT_RULES["login_strangers"] = (0, 3600)
    assert log_in(customer.email, PASSWORD) == 429
    APIClient().post("/api/v1/auth/password/reset/", {"email": customer.email})
    (mail,) = work()
    new = {**link_in(mail, "reset-password"), "new_password": "another-horse-battery"}
    assert APIClient().post("/api/v1/auth/password/reset/confirm/", new).status_code == 204
    assert log_in(customer.email, "another-horse-battery") == 200
    assert log_in(customer.email, "another-horse-battery", REMOTE_ADDR="203.0.113.9") == 429


def test_the_network_of_a_login_is_stored_as_a_digest(customer: User) -> None:
    for address in ("198.51.100.1", "198.51.100.1", "198.51.100.2"):
        log_in(customer.email, PASSWORD, REMOTE_ADDR=address)
    rows = list(KnownNetwork.objects.values())
    assert len(rows) == 2
    assert {row["user_id"] for row in rows} == {customer.pk}
    assert "198.51" not in str(rows)
    assert client_of(customer).delete("/api/v1/users/me/").status_code == 204
    assert not KnownNetwork.objects.exists()


def test_the_network_of_a_login_is_stored_once_a_day(customer: User) -> None:
    def kept_until() -> datetime:
        return KnownNetwork.objects.get().expires_at

    log_in(customer.email, PASSWORD)
    first = kept_until()
    log_in(customer.email, PASSWORD)
    assert kept_until() == first
    yesterday = first - timedelta(days=1)
    KnownNetwork.objects.update(expires_at=yesterday)
    assert log_in(customer.email, "wrong") == 401
    assert kept_until() == yesterday
    log_in(customer.email, PASSWORD)
    assert kept_until() > first


def test_an_account_that_does_not_exist_is_limited_like_one_that_does(customer: User) -> None:
    for email in (customer.email, "nobody@example.com"):
        replies = [APIClient().post(LOGIN, {"email": email, "password": "x"}) for _ in range(6)]
        assert [reply.status_code for reply in replies] == [401] * 5 + [429]


# --- In Redis ---------------------------------------------------------------------------------------------------------


def test_redis_counts_if_there_is_one(customer: User, redis: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: log_in(customer.email), range(12)))
    assert sorted(statuses) == [401] * 5 + [429] * 7
    assert counts() == 0
    reply = APIClient().post(LOGIN, {"email": customer.email, "password": PASSWORD})
    assert 3500 < int(reply["Retry-After"]) <= 3600


def test_without_redis_mongodb_counts_on(customer: User, settings: Any) -> None:
    settings.CACHE_URL = "redis://127.0.0.1:9/0"
    assert [log_in(customer.email) for _ in range(6)] == [401] * 5 + [429]
    assert counts() > 0


def test_a_redis_that_is_back_is_asked_again(
    customer: User, redis: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CACHE_URL = "redis://127.0.0.1:9/0"
    log_in(customer.email)
    settings.CACHE_URL = redis
    known = counts()
    log_in(customer.email)
    assert counts() == known
    monkeypatch.setattr(counters, "_redis_paused_until", 0.0)
    assert [log_in(customer.email) for _ in range(6)] == [401] * 5 + [429]
    assert counts() == known
