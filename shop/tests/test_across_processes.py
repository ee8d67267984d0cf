"""Rate limits and refresh tokens across four real server processes."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from django.conf import settings

from accounts.models import TokenFamily, User
from accounts.tokens import issue_tokens
from conftest import PASSWORD
from shop.dev.testing.redis import redis_server
from shop.dev.testing.server import ShopServer, shop_server

pytestmark = pytest.mark.django_db(transaction=True)

PROCESSES = 4


def together(times: int, call: Callable[[int], requests.Response]) -> Counter[int]:
    """Make concurrent calls, each on a separate connection, so that every process gets some of them."""
    with ThreadPoolExecutor(times) as pool:
        return Counter(reply.status_code for reply in pool.map(call, range(times)))


def hundred_logins(server: ShopServer, email: str, password: str = PASSWORD) -> Counter[int]:
    def log_in(number: int) -> requests.Response:
        # A client that forges its address by this header.
        forged = {"X-Forwarded-For": f"10.0.0.{number}"}
        body = {"email": email, "password": password}
        return requests.post(f"{server.url}/api/v1/auth/login/", json=body, headers=forged, timeout=30)

    return together(100, log_in)


def test_a_hundred_logins_at_once_never_pass_the_limit_and_a_refresh_token_is_used_once(
    customer: User, make_user: Callable[..., User], tmp_path: Path
) -> None:
    limit, _ = settings.RATE_LIMIT_RULES["login_account"]
    everybody, _ = settings.RATE_LIMIT_RULES["login"]
    assert limit < everybody < 100
    with shop_server(log=tmp_path / "web.log", workers=PROCESSES, RATE_LIMITS="on") as server:
        assert hundred_logins(server, customer.email, "wrong") == {401: limit, 429: 100 - limit}
        # Other accounts have the rest of the address's limit.
        assert hundred_logins(server, make_user().email)[200] == 0

        token = issue_tokens(customer)["refresh"]
        statuses = together(
            20, lambda _: requests.post(f"{server.url}/api/v1/auth/refresh/", json={"refresh": token}, timeout=30)
        )
    assert statuses[200] <= 1
    assert statuses[200] + statuses[401] == 20
    assert not TokenFamily.objects.exists()


def test_counting_in_redis_a_hundred_logins_at_once_never_pass_the_limit(customer: User, tmp_path: Path) -> None:
    limit, _ = settings.RATE_LIMIT_RULES["login_account"]
    with redis_server() as url:
        environment = {"RATE_LIMITS": "on", "CACHE_URL": url}
        with shop_server(log=tmp_path / "web.log", workers=PROCESSES, **environment) as server:
            assert hundred_logins(server, customer.email) == {200: limit, 429: 100 - limit}
