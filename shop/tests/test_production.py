"""The shop in production mode leaks no secrets and no personal data.

After every possible request and failure, planted values (`shop.dev.testing.canaries`) are searched for in all log lines
and responses. One test with many claims, because they share one run.
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from pymongo import MongoClient

from shop.dev import mongod
from shop.dev.testing.canaries import (
    ADMIN,
    BOSS,
    IN_ADDRESSES,
    MARKS,
    PASSWORD,
    SECRETS,
    Shop,
    do_everything_to,
    found_in,
    planted,
)
from shop.dev.testing.server import ShopServer

Claim = Callable[[Shop, str], None]

CLAIMS: list[Claim] = []


def claim(check: Claim) -> Claim:
    """Register what must be true of the shop's replies and of everything that its processes wrote."""
    CLAIMS.append(check)
    return check


@pytest.mark.slow
def test_in_production(tmp_path: Path, subtests: pytest.Subtests) -> None:
    with mongod.temporary() as replica_set, MongoClient(replica_set.uri) as client:
        client.admin.command("createUser", "canary", pwd=IN_ADDRESSES["MONGO_URI"], roles=["root"])
        environment = planted(replica_set.uri)
        written = manage(environment, "migrate", "--noinput")
        written += manage(environment, "createsuperuser", "--noinput", "--email", BOSS, "--name", "Boss")
        server = ShopServer(log=tmp_path / "web.log", **environment)
        server.start()
        try:
            shop = Shop(server.url, client)
            do_everything_to(shop)
        finally:
            server.kill()
        written += manage(environment, "worker", "--once")
        written += server.log.read_text()
        for check in CLAIMS:
            with subtests.test(check.__name__):
                check(shop, written)


def manage(environment: dict[str, str], *command: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *command],
        env=environment,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout + done.stderr


# --- What was done ----------------------------------------------------------------------------------------------------


@claim
def everything_was_really_done(shop: Shop, log: str) -> None:
    statuses = {reply.status_code for _, reply in shop.replies}
    assert statuses >= {200, 201, 301, 302, 400, 401, 403, 404, 413, 415, 500, 503}
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert {line["event"] for line in lines} >= {
        "request",
        "unhandled_exception",
        "dependency_unavailable",
        "login_failed",
        "admin_login_failed",
        "stripe_call_failed",
        "cloudinary_failed",
        "redis_unavailable",
    }
    served = [line for line in lines if line["event"] == "request"]
    assert len(served) >= len(shop.replies)
    assert {line["request_id"] for line in served} >= {reply.headers["X-Request-ID"] for _, reply in shop.replies}


# --- Where no planted value may be ------------------------------------------------------------------------------------


@claim
def no_log_line_holds_a_secret_or_anything_of_a_person(shop: Shop, log: str) -> None:
    assert found_in(log, MARKS) == []


@claim
def every_line_of_the_log_is_json_but_the_server_s_own(shop: Shop, log: str) -> None:
    own = ("{", "[INFO] ", "[WARNING] ", "  ", "Operations to", "Running mig", "Superuser created", "worker ")
    assert [line for line in log.splitlines() if line and not line.startswith(own)] == []


@claim
def no_reply_holds_a_secret(shop: Shop, log: str) -> None:
    marks = tuple(secret.lower() for secret in (*SECRETS.values(), *IN_ADDRESSES.values(), PASSWORD))
    for asked, reply in shop.replies:
        assert found_in(f"{reply.headers}\n{reply.text}", marks) == [], asked


@claim
def no_error_repeats_what_a_person_typed(shop: Shop, log: str) -> None:
    for asked, reply in shop.replies:
        if reply.status_code >= 400:
            assert found_in(f"{reply.headers}\n{reply.text}", MARKS) == [], asked
        if reply.status_code >= 500:
            for part in ("Traceback", "127.0.0.1:", "mongodb", "site-packages", "Error(", "/shop/"):
                assert part not in reply.text.replace(shop.url, ""), asked


# --- A fresh database -------------------------------------------------------------------------------------------------


@claim
def a_fresh_database_has_the_groups_with_their_rights(shop: Shop, log: str) -> None:
    database = shop.database.get_default_database()
    groups = {row["_id"]: row["name"] for row in database["auth_group"].find()}
    rights = Counter(groups[row["group_id"]] for row in database["auth_group_permissions"].find())
    assert rights == {"Catalogue editors": 21, "Order desk": 16, "Read-only": 32}


# --- The browser's side -----------------------------------------------------------------------------------------------


@claim
def the_session_is_a_cookie_that_only_https_and_no_script_sees(shop: Shop, log: str) -> None:
    logged_in = next(reply for _, reply in shop.replies if "__Host-sessionid" in reply.headers.get("Set-Cookie", ""))
    for cookie in logged_in.raw.headers.getlist("Set-Cookie"):
        flags = {flag.strip().lower() for flag in cookie.split(";")}
        assert flags >= {"secure", "path=/", "samesite=lax"}, cookie
        assert not any(flag.startswith("domain") for flag in flags)
        assert cookie.startswith("__Host-")
        assert "httponly" in flags or cookie.startswith("__Host-csrftoken")


@claim
def every_reply_promises_https(shop: Shop, log: str) -> None:
    for asked, reply in shop.replies:
        # Browsers ignore this header in the redirect from http to https.
        if reply.status_code != 301:
            assert reply.headers["Strict-Transport-Security"] == "max-age=31536000", asked
        assert reply.headers["Content-Security-Policy"], asked


@claim
def the_admin_is_where_the_settings_say_and_nowhere_else(shop: Shop, log: str) -> None:
    replies = dict(shop.replies)
    assert "text/html" in replies[f"GET {ADMIN}login/ {{}}"].headers["Content-Type"]
    for address in ("GET /admin/ {}", "GET /admin/login/ {}"):
        assert replies[address].status_code == 404
        assert replies[address].json()["errors"][0]["code"] == "not_found"
