"""The starter storefront: where it is served, its policy, and that it calls only what the API has."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client

from shop.dev.storefront import files
from shop.dev.testing.environment import ENVIRONMENT, production
from shop.dev.testing.routes import operations

ASSETS = sorted(path for path in (files.SITE / "assets").rglob("*") if path.is_file())
MODULES = [path for path in ASSETS if path.suffix == ".js"]
MOST_LINES, MOST_LINES_OF_MODULE = 2_000, 350
# get(`/products/${slug}/`), post("/orders/quote/", …)
CALL = re.compile(r"""\b(get|post|put|patch|remove)\(\s*["`](/[^"`]*)["`]""")
# Lines that are neither blank nor comments.
CODE = re.compile(r"^[ ]*(?!//|/\*|\*|<!--)\S", re.MULTILINE)
# All addresses of the API, also those in variables.
ADDRESS = re.compile(r"""["`](/[^"`\s]+/)["`]""")


@pytest.fixture
def in_development(settings: Any) -> Client:
    settings.ROOT_URLCONF = "shop.dev.urls"
    return Client()


def directives(policy: str) -> dict[str, str]:
    return dict(part.strip().partition(" ")[::2] for part in policy.split(";"))


def test_every_page_and_file_is_served_in_development(in_development: Client) -> None:
    for path in (
        "/",
        "/cart",
        "/products/mug",
        "/orders/AAAAA-AAAAA/return?withdrawal=1",
        "/reset-password?uid=1&token=2",
    ):
        page = in_development.get(path)
        assert (page.status_code, page["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert page["Cache-Control"] == "no-cache"
        # A 304 has another policy, which browsers would apply to the page that they keep.
        assert not page.has_header("ETag")
        policy = directives(page["Content-Security-Policy"])
        assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
        assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
        # Cards go to the simulator, never past it.
        assert policy["connect-src"] == f"'self' {django_settings.STRIPE_API_BASE}"
        assert "unsafe" not in page["Content-Security-Policy"]
    text = page.content.decode()
    assert f'<meta name="stripe-simulator" content="{django_settings.STRIPE_API_BASE}">' in text
    # What the policy would block.
    assert all(" src=" in script for script in re.findall("<script[^>]*>", text))
    assert not re.findall(
        r"<style|\sstyle=|\son\w+=", "".join(path.read_text() for path in [*MODULES, files.SITE / "index.html"])
    )

    types = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
    for path in ASSETS:
        reply = in_development.get(f"/{path.relative_to(files.SITE).as_posix()}")
        assert (reply.status_code, reply["Content-Type"]) == (200, types[path.suffix])
        assert reply.content == path.read_bytes()
        again = in_development.get(reply.request["PATH_INFO"], headers={"If-None-Match": reply["ETag"]})
        assert again.status_code == 304
    for missing in (
        "/assets/",
        "/assets/nothing.js",
        "/assets/../index.html",
        "/assets/%2e%2e/index.html",
        "/assets/%00",
        f"/assets/{'a' * 300}",
        "/nothing",
        "/cartoon",
    ):
        assert in_development.get(missing).status_code == 404, missing
    assert in_development.post("/cart").status_code == 405
    assert in_development.get("/livez").status_code == 200


def test_production_has_no_storefront() -> None:
    for path in ("/", "/cart", "/assets/main.js"):
        assert Client().get(path).status_code == 404
    program = "from django.conf import settings; print(settings.ROOT_URLCONF, settings.INSTALLED_APPS)"
    used = {}
    for environment in (production(), ENVIRONMENT):
        needed = {name: value for name, value in environment.items() if name in {*ENVIRONMENT, "MONGO_URI"}}
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=django_settings.BASE_DIR,
            env={"DJANGO_SETTINGS_MODULE": "shop.settings", **needed},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        used[needed["DEBUG"]] = done.stdout.split()[0]
        assert ("shop.dev" in done.stdout) is (needed["DEBUG"] == "1")
    assert used == {"0": "shop.urls", "1": "shop.dev.urls"}


def test_with_a_real_stripe_the_policy_names_its_hosts_and_no_simulator(in_development: Client, settings: Any) -> None:
    settings.STRIPE_API_BASE = "https://api.stripe.com"
    page = in_development.get("/checkout")
    assert b'<meta name="stripe-simulator" content="">' in page.content
    policy = directives(page["Content-Security-Policy"])
    assert policy["script-src"] == "'self' https://js.stripe.com https://*.js.stripe.com"
    assert policy["connect-src"] == "'self' https://api.stripe.com"
    assert "https://js.stripe.com" in policy["frame-src"]


def test_modules_call_what_the_api_has_and_import_what_exists() -> None:
    known = {(each.method, re.sub(r"{\w+}", "{}", each.path)) for each in operations()}
    called, named = set(), set()
    for module in MODULES:
        text = module.read_text().replace("${how}", "login").replace("${BASE}", "")
        called |= {("DELETE" if how == "remove" else how.upper(), address_of(path)) for how, path in CALL.findall(text)}
        named |= {address_of(path) for path in ADDRESS.findall(text)}
        for imported in re.findall(r"""(?:from|import\() ?"([^"]+)"|import\("([^"]+)"\)""", text):
            assert (module.parent / "".join(imported)).resolve() in ASSETS, f"{module.name}: {imported}"
    assert called - known == set()
    assert named - {path for _, path in known} == set()
    assert {("POST", "/api/v1/cart/items/"), ("GET", "/api/v1/products/{}/")} <= called
    assert {"/api/v1/auth/refresh/", "/api/v1/orders/{}/invoice/", "/api/v1/auth/email/verify/confirm/"} <= named


def address_of(path: str) -> str:
    return "/api/v1" + re.sub(r"\$\{[^}]*}", "{}", path)


def test_it_stays_small() -> None:
    written = [*ASSETS, files.SITE / "index.html"]
    lines = {path: len(CODE.findall(path.read_text())) for path in written}
    assert sum(lines.values()) < MOST_LINES
    assert max(lines.values()) < MOST_LINES_OF_MODULE
    text = Path(files.SITE / "index.html").read_text() + "".join(path.read_text() for path in MODULES)
    assert all(outer == "js.stripe.com" for outer in re.findall(r'(?:src="|import ".*?|load\(")https://([^/"]+)', text))
    assert all(len(line) <= 130 for path in MODULES for line in path.read_text().splitlines())
