"""Recognisable secrets and personal data, and calls that might leak them.

Every kind of user calls every route, also during failures of MongoDB, Stripe, Cloudinary and Redis.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from pymongo import MongoClient

from shop.dev.stripe_simulator.delivery import body_of, sign
from shop.dev.testing.environment import production
from shop.dev.testing.images import image_file
from shop.dev.testing.routes import Operation, operations

SECRETS = {
    "SECRET_KEY": "Canary-Django-Key-0123456789-abcdefghijklmnopqrstuvwxyz",
    "SECRET_KEY_FALLBACKS": "Canary-Former-Key-0123456789-abcdefghijklmnopqrstuvwxyz",
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
# In all values above, however quoted, and nowhere else.
MARKS = ("canary", "555 0199", "cnry 99")


class Shop:
    def __init__(self, url: str, database: MongoClient) -> None:
        self.url = url
        self.database = database
        self.replies: list[tuple[str, requests.Response]] = []
        self.http = requests.Session()
        # As set by the proxy.
        self.http.headers["X-Forwarded-Proto"] = "https"

    def call(self, method: str, path: str, *, token: str = "", **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= options.pop("headers", {})
        reply = self.http.request(
            method, self.url + path, headers=headers, timeout=20, allow_redirects=False, **options
        )
        # Otherwise not sent without https.
        for cookie in self.http.cookies:
            cookie.secure = False
        self.replies.append((f"{method} {path} {options}"[:200], reply))
        return reply

    def fail(self, *, after: int = 0, **how: Any) -> None:
        """Let the shop's database commands fail, except the first ``after``."""
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
            # Wait until the circuit breaker is closed.
            give_up_at = time.monotonic() + 10
            while self.call("GET", "/api/v1/products/").status_code != 200:
                assert time.monotonic() < give_up_at
                time.sleep(0.1)


def planted(mongo_uri: str) -> dict[str, str]:
    """Return a production environment of canaries. ``mongo_uri``: a server that knows the user ``canary``."""
    address = mongo_uri.replace("mongodb://", f"mongodb://canary:{IN_ADDRESSES['MONGO_URI']}@")
    return {
        **production(f"{address}&authSource=admin"),
        **SECRETS,
        "DJANGO_SETTINGS_MODULE": "shop.dev.testing.production_settings",
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
        "ADMIN_PATH": ADMIN,
        "ALLOWED_HOSTS": "127.0.0.1",
        "BEHIND_TLS_PROXY": "1",
        "BCRYPT_ROUNDS": "10",
        "LOG_LEVEL": "DEBUG",
        "CACHE_URL": f"redis://:{IN_ADDRESSES['CACHE_URL']}@127.0.0.1:9/0",
        "EMAIL_URL": f"smtp://canary:{IN_ADDRESSES['EMAIL_URL']}@127.0.0.1:9",
        "STRIPE_API_BASE": "https://127.0.0.1:9",
        "CLOUD_API_BASE": "https://127.0.0.1:9",
    }


def found_in(text: str, marks: tuple[str, ...]) -> list[str]:
    return [line[:300] for line in text.splitlines() if any(mark in line.lower() for mark in marks)]


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
                # Also with the user loaded before the failure.
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
    # Stripe and Cloudinary are unreachable.
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
    intent = {"object": "payment_intent", "id": "pi_1", "amount": 1, "currency": "usd", "status": "succeeded"}
    intent |= {"livemode": True, "receipt_email": PERSONAL["email"]}
    event |= {"livemode": True, "data": {"object": intent}}
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
