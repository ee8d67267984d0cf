"""The shop as it runs in production: no secret and nothing of a person's leaves it where it should not.

Every secret of its settings is a canary, and so is what people type. Every route is called by everybody, with sound
and broken bodies, through forced faults and outages of MongoDB, Stripe, Cloudinary and Redis. Then the canaries are
looked for in all that was logged and answered.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from django.conf import settings
from pymongo import MongoClient

from payments.simulator.delivery import body_of, sign
from shop import mongod
from shop.testing.environment import production
from shop.testing.images import image_file
from shop.testing.routes import Operation, operations
from shop.testing.server import ShopServer

SECRETS = {
    "SECRET_KEY": "Canary-Django-Key-0123456789-abcdefghijklmnopqrstuvwxyz",
    "JWT_SECRET_KEY": "Canary-Token-Key-0123456789-abcdefghijklmnopqrstuvwxyz",
    "STRIPE_SECRET_KEY": "sk_live_CanaryStripeKey0123456789",
    "STRIPE_WEBHOOK_SECRET": "whsec_CanaryWebhookKey0123456789",
    "CLOUD_API_SECRET": "CanaryCloudKey0123456789",
}
IN_ADDRESSES = {
    "MONGO_URI": "CanaryMongoWord",
    "CACHE_URL": "CanaryRedisWord",
    "EMAIL_URL": "CanaryMailWord",
}
PASSWORD = "canary-pass-word-77"
ADMIN = "/back/office/"
BOSS = "canary.boss@example.com"
PERSONAL = {
    "email": "canary.person@example.com",
    "name": "Canary Personname",
    "line1": "99 Canary Street",
    "city": "Canaryville",
    "postal_code": "CNRY 99",
    "phone": "+99 555 0199",
    "note": "canary note to the courier",
    "alt": "canary description",
}
TYPED = {**PERSONAL, "password": PASSWORD, "old_password": PASSWORD, "new_password": "password", "refresh": PASSWORD}
# However it is quoted: what every value above has, and nothing else in the shop.
MARKS = ("canary", "555 0199", "cnry 99")


class Shop:
    """The shop under test, all that it answered and all that it wrote."""

    def __init__(self, url: str, database: MongoClient) -> None:
        self.url = url
        self.database = database
        self.replies: list[tuple[str, requests.Response]] = []
        self.http = requests.Session()
        # As the proxy in front says.
        self.http.headers["X-Forwarded-Proto"] = "https"

    def call(self, method: str, path: str, *, token: str = "", **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= options.pop("headers", {})
        reply = self.http.request(
            method, self.url + path, headers=headers, timeout=20, allow_redirects=False, **options
        )
        # The cookies insist on https, which only the proxy in front would speak.
        for cookie in self.http.cookies:
            cookie.secure = False
        self.replies.append((f"{method} {path} {options}"[:200], reply))
        return reply

    def fail(self, *, after: int = 0, **how: Any) -> None:
        """Let what the shop asks of the database fail in this way, but for so many commands."""
        commands = ["aggregate", "find", "findAndModify", "insert", "update", "delete"]
        data = {"failCommands": commands, "appName": "shop", **how}
        self.database.admin.command({"configureFailPoint": "failCommand", "mode": {"skip": after}, "data": data})

    @contextmanager
    def failing(self, **how: Any) -> Iterator[None]:
        self.fail(**how)
        try:
            yield
        finally:
            self.database.admin.command({"configureFailPoint": "failCommand", "mode": "off"})
            # So that the circuit is closed again.
            give_up_at = time.monotonic() + 10
            while self.call("GET", "/api/v1/products/").status_code != 200:
                assert time.monotonic() < give_up_at
                time.sleep(0.1)


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    with mongod.temporary() as database:
        word = IN_ADDRESSES["MONGO_URI"]
        with MongoClient(database.uri) as client:
            client.admin.command("createUser", "canary", pwd=word, roles=["root"])
        address = database.uri.replace("mongodb://", f"mongodb://canary:{word}@")
        yield {
            **production(f"{address}&authSource=admin"),
            **SECRETS,
            "DJANGO_SETTINGS_MODULE": "shop.testing.production_settings",
            "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
            "ADMIN_PATH": ADMIN,
            "ALLOWED_HOSTS": "127.0.0.1",
            "BEHIND_TLS_PROXY": "1",
            "BCRYPT_ROUNDS": "10",
            "LOG_LEVEL": "DEBUG",
            # Nothing listens there.
            "CACHE_URL": f"redis://:{IN_ADDRESSES['CACHE_URL']}@127.0.0.1:9/0",
            "EMAIL_URL": f"smtp://canary:{IN_ADDRESSES['EMAIL_URL']}@127.0.0.1:9",
            "STRIPE_API_BASE": "https://127.0.0.1:9",
            "CLOUD_API_BASE": "https://127.0.0.1:9",
        }


@pytest.fixture(scope="module")
def written(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> tuple[Shop, str]:
    """The shop after all that can be done to it, and everything that its processes have written."""
    log = tmp_path_factory.mktemp("canaries") / "web.log"
    said = manage(environment, "migrate", "--noinput")
    said += manage(environment, "createsuperuser", "--noinput", "--email", BOSS, "--name", "Boss")
    server = ShopServer(log=log, **environment)
    server.start()
    try:
        with MongoClient(environment["MONGO_URI"]) as database:
            shop = Shop(server.url, database)
            do_everything_to(shop)
        said += manage(environment, "worker", "--once")
    finally:
        server.kill()
    return shop, said + log.read_text()


def manage(environment: dict[str, str], *command: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *command],
        env=environment,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout + done.stderr


# --- All that can be done ---------------------------------------------------------------------------------------------


def do_everything_to(shop: Shop) -> None:
    person = {"email": PERSONAL["email"], "name": PERSONAL["name"], "password": PASSWORD}
    customer = shop.call("POST", "/api/v1/auth/register/", json=person).json()["access"]
    staff = {"email": BOSS, "password": PASSWORD}
    boss = shop.call("POST", "/api/v1/auth/login/", json=staff).json()["access"]
    shop.call("POST", "/api/v1/auth/login/", json={**staff, "password": PASSWORD + "-wrong"})
    buy_something(shop, customer, boss)
    for operation in operations():
        if str(operation) not in ("POST /auth/logout-all/", "DELETE /users/me/"):
            call_in_every_way(shop, operation, customer)
            for token in (boss, "", "canary.token.of-nobody"):
                shop.call(operation.method, operation.address, token=token, json=TYPED)
    webhooks(shop)
    elsewhere(shop)
    the_admin(shop, staff)
    with shop.failing(errorCode=2):
        for operation in operations():
            for loaded in (0, 1):
                # Whoever calls is known by then.
                shop.fail(errorCode=2, after=loaded)
                shop.call(operation.method, operation.address, token=customer, json=TYPED)
    with shop.failing(closeConnection=True):
        for path in ("/api/v1/users/me/", f"{ADMIN}accounts/user/", "/readyz"):
            shop.call("GET", path, token=customer)
        shop.call("POST", "/api/v1/auth/login/", json=staff)


def buy_something(shop: Shop, customer: str, boss: str) -> None:
    product = {"name": "Mug", "price": "10.00", "stock": 5}
    made = shop.call("POST", "/api/v1/products/", token=boss, json=product).json()
    line = {"product": made["id"], "quantity": 1}
    assert shop.call("POST", "/api/v1/cart/items/", token=customer, json=line).status_code == 201
    address = {name: PERSONAL[name] for name in ("name", "line1", "city", "postal_code", "phone")}
    order = {"shipping_address": {**address, "country": "GB"}, "note": PERSONAL["note"]}
    placed = shop.call("POST", "/api/v1/orders/", token=customer, json=order)
    assert placed.status_code == 201, placed.text
    # Stripe and Cloudinary are away.
    payment = {"order": placed.json()["number"]}
    assert shop.call("POST", "/api/v1/payments/", token=customer, json=payment).status_code == 503
    picture = {"image": ("canary.png", image_file(), "image/png")}
    assert shop.call("PUT", "/api/v1/users/me/avatar/", token=customer, files=picture).status_code == 503


def call_in_every_way(shop: Shop, operation: Operation, token: str) -> None:
    method, path = operation.method, operation.address
    headers = {"X-Cart-Token": "canary-cart-token", "Idempotency-Key": "canary-key", "Cookie": "sessionid=canary"}
    shop.call(method, path, token=token, json=TYPED, headers=headers)
    query = f"?search={PERSONAL['line1']}&token={PASSWORD}"
    shop.call(method, path + query, token=token, json=dict.fromkeys(PERSONAL, 5))
    cut_off = {"data": json.dumps(PERSONAL)[:-9], "headers": {"Content-Type": "application/json"}}
    shop.call(method, path, token=token, **cut_off)
    shop.call(method, path, token=token, data=PERSONAL)


def webhooks(shop: Shop) -> None:
    event = {"id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "created": int(time.time())}
    event["data"] = {"object": {"object": "payment_intent", "id": "pi_1", "receipt_email": PERSONAL["email"]}}
    body = body_of(event)
    for secret in ("whsec_another", SECRETS["STRIPE_WEBHOOK_SECRET"]):
        headers = {"Stripe-Signature": sign(body, [secret], int(time.time())), "Content-Type": "application/json"}
        shop.call("POST", "/api/v1/payments/webhook/", data=body, headers=headers)
    shop.call("POST", "/api/v1/payments/webhook/", data=body, headers={"Stripe-Signature": "canary"})


def elsewhere(shop: Shop) -> None:
    known = ("/", "/api/docs/", "/admin/", "/admin/login/")
    for path in (*known, "/canary@example.com", "/api/v1/canary-token/", "/static/canary.css", "/%00canary"):
        shop.call("GET", path)
    shop.call("GET", "/api/v1/products/", headers={"Host": "canary.example"})
    shop.call("GET", "/api/v1/products/", headers={"X-Forwarded-Proto": "http"})
    shop.call("POST", "/api/v1/auth/login/", data="canary" * 300_000, headers={"Content-Type": "application/json"})


def the_admin(shop: Shop, staff: dict[str, str]) -> None:
    login = f"{ADMIN}login/"
    shop.call("GET", login)
    form = {"csrfmiddlewaretoken": shop.http.cookies["__Host-csrftoken"], "username": staff["email"]}
    referer = {"Referer": shop.url.replace("http://", "https://") + login}
    for password, status in ((PASSWORD + "-wrong", 200), (staff["password"], 302)):
        reply = shop.call("POST", login, data={**form, "password": password}, headers=referer)
        assert reply.status_code == status, reply.text[:500]
    shop.call("POST", login, data={"username": staff["email"], "password": PASSWORD})
    for page in ("", "accounts/user/", "orders/order/", "shop/job/", "shop/staffaction/", "nothing/"):
        shop.call("GET", ADMIN + page)
    with shop.failing(errorCode=2):
        assert shop.call("GET", f"{ADMIN}accounts/user/").status_code == 500
    shop.http.cookies.clear()


# --- Where nothing of it may be ---------------------------------------------------------------------------------------


def found_in(text: str, marks: tuple[str, ...]) -> list[str]:
    """The lines of a text in which one of the marks stands."""
    return [line[:300] for line in text.splitlines() if any(mark in line.lower() for mark in marks)]


def test_everything_was_really_done(written: tuple[Shop, str]) -> None:
    shop, log = written
    statuses = {reply.status_code for _, reply in shop.replies}
    assert statuses >= {200, 201, 301, 302, 400, 401, 403, 404, 413, 415, 500, 503}
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert {line["event"] for line in lines} >= {
        "request",
        "a request ended in an exception",
        "a request met an outage",
        "a login failed",
        "a login to the admin failed",
        "Stripe was called in vain",
        "Cloudinary failed",
        "Redis is away, MongoDB counts the limits",
    }
    served = [line for line in lines if line["event"] == "request"]
    assert len(served) >= len(shop.replies)
    assert {line["request_id"] for line in served} >= {reply.headers["X-Request-ID"] for _, reply in shop.replies}


def test_no_log_line_holds_a_secret_or_anything_of_a_person(written: tuple[Shop, str]) -> None:
    _, log = written
    assert found_in(log, MARKS) == []


def test_every_line_of_the_log_is_json_but_the_server_s_own(written: tuple[Shop, str]) -> None:
    _, log = written
    own = ("{", "[INFO] ", "[WARNING] ", "  ", "Operations to", "Running mig", "Superuser created", "worker ")
    assert [line for line in log.splitlines() if line and not line.startswith(own)] == []


def test_no_reply_holds_a_secret(written: tuple[Shop, str]) -> None:
    shop, _ = written
    marks = tuple(secret.lower() for secret in (*SECRETS.values(), *IN_ADDRESSES.values(), PASSWORD))
    for asked, reply in shop.replies:
        assert found_in(f"{reply.headers}\n{reply.text}", marks) == [], asked


def test_no_error_repeats_what_a_person_typed(written: tuple[Shop, str]) -> None:
    shop, _ = written
    for asked, reply in shop.replies:
        if reply.status_code >= 400:
            assert found_in(f"{reply.headers}\n{reply.text}", MARKS) == [], asked
        if reply.status_code >= 500:
            for part in ("Traceback", "127.0.0.1:", "mongodb", "site-packages", "Error(", "/shop/"):
                assert part not in reply.text.replace(shop.url, ""), asked


# --- The browser's side -----------------------------------------------------------------------------------------------


def test_the_session_is_a_cookie_that_only_https_and_no_script_sees(written: tuple[Shop, str]) -> None:
    shop, _ = written
    logged_in = next(reply for _, reply in shop.replies if "__Host-sessionid" in reply.headers.get("Set-Cookie", ""))
    for cookie in logged_in.raw.headers.getlist("Set-Cookie"):
        flags = {flag.strip().lower() for flag in cookie.split(";")}
        assert flags >= {"secure", "path=/", "samesite=lax"}, cookie
        assert not any(flag.startswith("domain") for flag in flags)
        assert cookie.startswith("__Host-")
        assert "httponly" in flags or cookie.startswith("__Host-csrftoken")


def test_every_reply_promises_https(written: tuple[Shop, str]) -> None:
    shop, _ = written
    for asked, reply in shop.replies:
        # The one that leads from http to https is not heard by browsers.
        if reply.status_code != 301:
            assert reply.headers["Strict-Transport-Security"] == "max-age=31536000", asked
        assert reply.headers["Content-Security-Policy"], asked


def test_the_admin_is_where_the_settings_say_and_nowhere_else(written: tuple[Shop, str]) -> None:
    shop, _ = written
    replies = dict(shop.replies)
    assert "text/html" in replies[f"GET {ADMIN}login/ {{}}"].headers["Content-Type"]
    for address in ("GET /admin/ {}", "GET /admin/login/ {}"):
        assert replies[address].status_code == 404
        assert replies[address].json()["errors"][0]["code"] == "not_found"
