"""Security headers of every response."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Product
from shop.dev.testing.admin import browser_of
from shop.dev.testing.failures import failing
from shop.dev.testing.images import image_file
from shop.dev.testing.routes import operations
from shop.http.circuit import circuit

pytestmark = pytest.mark.django_db

PRIVATE = "max-age=0, must-revalidate, private"
STRICT = "default-src 'none'; frame-ancestors 'none'"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def directives(reply: HttpResponse) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in reply["Content-Security-Policy"].split(";"))
    return {name: sources for name, _, sources in parts}


def assert_guarded(reply: HttpResponse) -> None:
    """Assert the headers that every response has."""
    assert reply["X-Content-Type-Options"] == "nosniff"
    assert reply["X-Frame-Options"] == "DENY"
    assert reply["Referrer-Policy"] == "same-origin"
    assert reply["Cross-Origin-Opener-Policy"] == "same-origin"
    assert reply["Cross-Origin-Resource-Policy"] in ("same-origin", "cross-origin")
    assert "camera=()" in reply["Permissions-Policy"]
    assert directives(reply)["default-src"] == "'none'"
    assert directives(reply)["frame-ancestors"] == "'none'"
    assert reply["Cache-Control"]
    assert reply["Server"] == "web"
    assert len(reply["X-Request-ID"]) == 32


CRASH_POINTS = {
    "/api/v1/products/": 200,
    "/api/v1/products/nothing/": 404,
    "/api/v1/users/me/": 401,
    "/api/v1/nothing": 404,
    "/api/schema/": 200,
    "/api/docs/": 200,
    "/livez": 200,
    "/readyz": 200,
    "/": 404,
    "/nothing": 404,
    "/favicon.ico": 302,
    "/admin/": 302,
    "/admin/login/": 200,
    "/admin/nothing/": 302,
    "/static/shop/admin.css": 200,
    "/static/nothing.css": 404,
    "/media/nothing.webp": 404,
}


@pytest.mark.parametrize(("path", "status"), CRASH_POINTS.items())
def test_every_place_is_guarded(path: str, status: int) -> None:
    for method in ("get", "head", "options"):
        reply = getattr(Client(), method)(path)
        assert method == "options" or reply.status_code == status
        assert_guarded(reply)


def test_every_api_reply_lets_nothing_be_loaded_and_only_the_catalog_s_may_be_cached(
    as_customer: APIClient, as_staff: APIClient, subtests: pytest.Subtests
) -> None:
    for operation in operations():
        for client in (as_customer, as_staff):
            with subtests.test(str(operation)):
                reply = client.generic(operation.method, operation.address, b"{}", content_type="application/json")
                assert_guarded(reply)
                assert reply["Content-Security-Policy"] == STRICT
                kept = client is as_customer and 304 in operation.statuses and reply.status_code == 200
                assert reply["Cache-Control"] == (PRIVATE if kept else "no-store")
                assert reply["Cross-Origin-Resource-Policy"] == "same-origin"


def test_what_is_refused_before_any_view_is_guarded(as_customer: APIClient, settings: Any) -> None:
    too_large = as_customer.generic("PATCH", "/api/v1/users/me/", b" " * 2_000_000, content_type="application/json")
    assert too_large.status_code == 413
    upload = as_customer.put(
        "/api/v1/users/me/avatar/", {"image": image_file(), "x": "x" * 2_000_000}, format="multipart"
    )
    assert upload.status_code == 413
    in_admin = Client().post("/admin/login/", {"username": "x" * 2_000_000}, content_type="text/plain")
    assert in_admin.status_code == 413
    settings.DEBUG = False
    foreign = Client().get("/api/v1/products/", headers={"Host": "evil.example"})
    assert foreign.status_code == 400
    settings.SECURE_SSL_REDIRECT = True
    nowhere_to_redirect = Client().get("/api/v1/products/", headers={"Host": "evil.example"})
    assert nowhere_to_redirect.status_code == 400
    for reply in (too_large, upload, in_admin, foreign, nowhere_to_redirect):
        assert_guarded(reply)


@pytest.fixture
def fresh_circuit(settings: Any) -> Iterator[None]:
    settings.REQUEST_DATABASE_SECONDS = 0.4
    circuit.close()
    yield
    circuit.close()


def test_faults_and_outages_are_guarded_in_the_api_and_in_the_admin(staff: User, fresh_circuit: None) -> None:
    browser = browser_of(staff)
    browser.raise_request_exception = False
    for code, status in ((2, 500), (91, 503)):
        for path in ("/api/v1/products/", "/admin/catalog/product/"):
            with failing("aggregate", Product, times=None, errorCode=code):
                reply = browser.get(path)
            assert reply.status_code == status
            assert_guarded(reply)


# --- Where pages come from --------------------------------------------------------------------------------------------


def test_scripts_come_from_the_shop_itself_as_files(staff: User) -> None:
    browser = browser_of(staff)
    for path, evaluates in (("/api/docs/", False), ("/admin/", True), ("/admin/catalog/product/add/", True)):
        page = browser.get(path)
        assert_guarded(page)
        sources = directives(page)
        assert sources["script-src"] == ("'self' 'unsafe-eval'" if evaluates else "'self'")
        assert (sources["base-uri"], sources["connect-src"]) == ("'none'", "'self'")
        assert "http" not in page["Content-Security-Policy"]
        # The page has no inline script, which the policy would block.
        text = page.content.decode()
        assert all(" src=" in script for script in re.findall("<script[^>]*>", text))
        assert " onclick=" not in text


def test_static_files_and_images_may_be_embedded_in_other_sites() -> None:
    static = Client().get("/static/shop/favicon.svg")
    assert (static.status_code, static["Cross-Origin-Resource-Policy"]) == (200, "cross-origin")
    assert "no-store" not in static["Cache-Control"]
    assert Client().get("/media/nothing.webp")["Cross-Origin-Resource-Policy"] == "cross-origin"


def test_pages_of_the_admin_are_not_cached(staff: User) -> None:
    for path in ("/admin/", "/admin/accounts/user/", "/admin/login/", "/admin/password_change/"):
        assert "no-store" in browser_of(staff).get(path)["Cache-Control"]


def test_a_view_may_say_what_others_may_keep(anonymous: APIClient) -> None:
    assert anonymous.get("/api/schema/")["Cache-Control"] == "max-age=300"


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here")
@pytest.mark.parametrize(("path", "sign"), [("/api/docs/", "opblock-summary"), ("/admin/login/", 'name="username"')])
def test_a_browser_shows_the_pages_and_has_nothing_to_block(
    live_server: Any, tmp_path: Path, path: str, sign: str
) -> None:
    browser = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", f"--user-data-dir={tmp_path}"]
    browser += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    browser += ["--enable-logging=stderr", "--virtual-time-budget=10000", "--dump-dom", f"{live_server.url}{path}"]
    done = subprocess.run(browser, capture_output=True, text=True, timeout=60, check=False)
    assert sign in done.stdout
    assert "Content Security Policy" not in done.stderr


# --- CORS -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def storefront(settings: Any) -> str:
    settings.CORS_ALLOW_ALL_ORIGINS = False
    settings.CORS_ALLOWED_ORIGINS = ["https://shop.test"]
    return "https://shop.test"


def test_the_storefront_may_call_and_read_and_no_other_site(anonymous: APIClient, storefront: str) -> None:
    for origin in (
        "https://evil.test",
        "https://shop.test.evil.test",
        "http://shop.test",
        "https://shop.test:8443",
        "null",
    ):
        reply = anonymous.get("/api/v1/products/", headers={"Origin": origin})
        assert reply.status_code == 200
        assert not [name for name in reply.headers if name.startswith("Access-Control-")]
    reply = anonymous.get("/api/v1/products/", headers={"Origin": storefront})
    assert reply["Access-Control-Allow-Origin"] == storefront
    # Tokens travel in a header: no cookie is ever sent along.
    assert "Access-Control-Allow-Credentials" not in reply
    assert "Origin" in reply["Vary"].title()


def test_what_other_sites_may_keep_says_whom_it_is_for(anonymous: APIClient, storefront: str) -> None:
    for path in ("/api/v1/products/", "/api/v1/cart/", "/api/v1/nothing/", "/api/schema/"):
        for headers in ({}, {"Origin": storefront}):
            names = [name.strip().title() for name in anonymous.get(path, headers=headers)["Vary"].split(",")]
            assert names.count("Origin") == 1, (path, headers)
    assert "Vary" not in anonymous.get("/livez")


def test_a_storefront_reads_why_it_was_refused(anonymous: APIClient, storefront: str) -> None:
    too_large = anonymous.generic("POST", "/api/v1/auth/login/", b" " * 2_000_000, headers={"Origin": storefront})
    assert too_large.status_code == 413
    assert too_large["Access-Control-Allow-Origin"] == storefront


def test_the_admin_is_nothing_for_other_sites(staff: User, storefront: str) -> None:
    reply = browser_of(staff).get("/admin/", headers={"Origin": storefront})
    assert "Access-Control-Allow-Origin" not in reply


# --- In production ----------------------------------------------------------------------------------------------------


def test_https_is_promised_for_a_year(settings: Any, staff: User, make_product: Callable[..., Product]) -> None:
    settings.SECURE_HSTS_SECONDS = 365 * 24 * 3600
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    redirected = Client().get("/api/v1/products/")
    assert (redirected.status_code, redirected["Location"]) == (301, "https://testserver/api/v1/products/")
    assert_guarded(redirected)
    for path in ("/api/v1/products/", "/api/v1/nothing/", "/admin/login/", "/static/shop/admin.css"):
        reply = Client().get(path, headers={"X-Forwarded-Proto": "https"})
        assert reply["Strict-Transport-Security"] == "max-age=31536000"
        assert_guarded(reply)
    assert Client().get("/livez").status_code == 200
