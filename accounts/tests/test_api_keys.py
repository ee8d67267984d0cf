"""API keys: made in the admin, shown once, and acting with their own permissions only."""

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.api_keys.models import ApiKey
from accounts.models import User
from catalog.models import Product, StockMovement
from conftest import client_of
from orders.models import Order
from shop.audit.staff_log import StaffAction, with_people
from shop.dev.testing.admin import allow, browser_of, in_dialog, ordered, url_of
from shop.dev.testing.api_keys import key_client
from shop.dev.testing.commands import count_commands
from shop.dev.testing.groups import make_groups
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, dump_database, variant_of

pytestmark = pytest.mark.django_db(transaction=True)

CURRENT = f"{API}/api-keys/current/"
KEY = re.compile(r"shop_live_[A-Za-z0-9]{8}_[A-Za-z0-9]{40}")
NEW = {"name": "ERP", "scopes": ["catalog.change_variant", "catalog.view_product"]}


def client_with(secret: str, scheme: str = "Api-Key") -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"{scheme} {secret}")
    return client


def last_used() -> Any:
    """Return when the key was last used; the write is not waited for."""
    for _ in range(50):
        if at := ApiKey.objects.get().last_used_at:
            return at
        time.sleep(0.02)
    return None


def test_a_key_is_shown_once_and_ends_when_revoked_expired_or_left_alone(
    staff: User, make_user: Callable[..., User]
) -> None:
    make_groups()
    browser = browser_of(staff)
    page = browser.post(url_of("accounts.apikey", "add"), NEW | {"expires_at_0": "", "expires_at_1": ""})
    (secret,) = set(KEY.findall(page.content.decode()))
    key = ApiKey.objects.get()
    assert "no-store" in page["Cache-Control"]
    assert secret[28:] not in str(dump_database())
    pages = [browser.get(url_of("accounts.apikey", *where)) for where in ((), ("change", key.pk), ("history", key.pk))]
    assert [secret[28:] in each.content.decode() for each in pages] == [False] * 3
    assert [(row.action, row.label) for row in StaffAction.objects.all()] == [("add", "ERP")]

    client = client_with(secret)
    with count_commands() as first:
        reply = client.get(CURRENT)
    assert reply.json() == {
        "id": str(key.pk),
        "name": "ERP",
        "prefix": secret[:18],
        "scopes": NEW["scopes"],
        "created_at": reply.json()["created_at"],
        "expires_at": None,
    }
    used = last_used()
    with count_commands() as second:
        assert client_with(secret, "api-KEY").get(CURRENT).status_code == 200
    assert (first.names, second.names) == (["aggregate", "update"], ["aggregate"])
    assert ApiKey.objects.get().last_used_at == used
    ApiKey.objects.update(last_used_at=used - timedelta(minutes=2))
    client.get(CURRENT)
    assert last_used()

    wrong = [secret[:-1] + "-", secret[:-1] + ("a" if secret[-1] != "a" else "b"), secret[:10] + "A" * 49, "", "é" * 50]
    for each in [*wrong, secret + "A", "A" * 100_000, secret.replace("_live_", "_test_")]:
        refused = client_with(each).get(CURRENT)
        assert refusal(refused, 401) == ("invalid_api_key", None), each[:80]
    assert client_with(secret, "Bearer").get(CURRENT).status_code == 401

    colleague = allow(make_user(), "accounts.change_apikey", "catalog.change_variant")
    take_over = f"/admin/accounts/apikey/{key.pk}/take-over/"
    in_dialog(browser_of(colleague), take_over, {})
    assert ApiKey.objects.get().owner_id == staff.pk, "the colleague lacks a scope"
    allow(colleague, "catalog.view_product")
    for change in ({"is_active": False}, {"is_staff": False}):
        User.objects.filter(pk=staff.pk).update(**change)
        assert refusal(client.get(CURRENT), 401) == ("invalid_api_key", None)
        User.objects.filter(pk=staff.pk).update(is_active=True, is_staff=True)
    in_dialog(browser_of(colleague), take_over, {})
    User.objects.filter(pk=staff.pk).delete()
    assert client.get(CURRENT).status_code == 200

    ApiKey.objects.update(expires_at=timezone.now() + timedelta(seconds=0.2))
    assert client.get(CURRENT).status_code == 200
    time.sleep(0.2)
    assert refusal(client.get(CURRENT), 401) == ("api_key_expired", None)
    assert refusal(client_with(wrong[1]).get(CURRENT), 401) == ("invalid_api_key", None)
    ApiKey.objects.update(expires_at=None)
    revoke = f"/admin/accounts/apikey/{key.pk}/revoke/"
    in_dialog(browser_of(colleague), revoke, {})
    assert refusal(client.get(CURRENT), 401) == ("invalid_api_key", None)
    assert {row.action for row in StaffAction.objects.filter(object_id=str(key.pk))} == {"add", "change", "revoke"}
    assert refusal(client.get(f"{API}/products/"), 401) == ("invalid_api_key", None)


def test_no_one_gives_a_key_more_than_they_have(make_user: Callable[..., User], staff: User) -> None:
    person = allow(make_user(), "accounts.add_apikey", "accounts.change_apikey", "catalog.view_product")
    browser, add = browser_of(person), url_of("accounts.apikey", "add")
    for scope in ("catalog.change_product", "accounts.add_apikey", "accounts.change_apikey", "nothing.at_all"):
        reply = browser.post(add, {"name": "x", "scopes": ["catalog.view_product", scope]})
        assert "not one of the available choices" in reply.content.decode(), scope
    past = {"expires_at_0": "2020-01-01", "expires_at_1": "00:00:00"}
    assert "in the future" in browser.post(add, {"name": "x"} | past).content.decode()
    assert not ApiKey.objects.exists()
    key_client(staff, ["catalog.change_product"])
    key = ApiKey.objects.get()
    page = url_of("accounts.apikey", "change", key.pk)
    browser.post(page, {"name": "PIM", "scopes": ["catalog.change_product", "catalog.view_product"]})
    browser.post(page, {"name": "PIM", "scopes": ["catalog.change_product", "catalog.add_product"]})
    key.refresh_from_db()
    assert (key.name, key.scopes) == ("PIM", ["catalog.change_product", "catalog.view_product"])
    assert browser.post(f"/admin/accounts/apikey/{key.pk}/delete/", {"post": "yes"}).status_code == 403


def test_a_key_acts_for_itself(
    staff: User, customer: User, make_product: Callable[..., Product], shipping: Any, settings: Any
) -> None:
    product = make_product("Mug", is_active=False)
    order = ordered(customer, make_product("Spoon"))
    scopes = ["catalog.change_variant", "catalog.view_product", "orders.view_order", "orders.change_order"]
    client, other = key_client(staff, scopes), key_client(staff, scopes, name="PIM")
    key = ApiKey.objects.get(name="ERP")
    shown = client.get(f"{API}/products/{product.pk}/")
    assert shown.json()["variants"][0]["stock"] == 5
    assert "ETag" not in shown.headers
    stock = f"{API}/variants/{variant_of(product).pk}/stock/"
    assert client.post(stock, {"set": 7, "reason": "counted"}).json()["stock"] == 7
    assert StockMovement.objects.filter(reference=str(key.pk)).count() == 1
    notes = f"{API}/orders/{order.number}/notes/"
    headers = {"Idempotency-Key": "note-1"}
    made = [each.post(notes, {"text": "hi"}, headers=headers) for each in (client, client, other)]
    assert [each.get("Idempotency-Replayed") for each in made] == [None, "true", None]
    assert [each.json()["staff"]["name"] for each in made] == ["API key ERP", "API key ERP", "API key PIM"]
    client.post(f"{API}/orders/{order.number}/cancel/", {})
    entry = client.get(f"{API}/orders/{order.number}/").json()["timeline"][-1]
    assert (entry["event"], entry["actor"], entry["staff"]["name"]) == ("cancelled", "staff", "API key ERP")
    assert {row.person for row in with_people(StaffAction.objects.filter(via="key"))} == {"API key ERP", "API key PIM"}
    pages = [url_of("catalog.stockmovement"), url_of("shop.staffaction"), url_of("orders.order", "change", order.pk)]
    assert all("API key ERP" in browser_of(staff).get(page).content.decode() for page in pages)
    # Neither a token of an order nor of a cart lets a key act as a customer.
    bare = key_client(staff, [], name="Bare")
    bare.credentials(**bare._credentials, HTTP_X_ORDER_TOKEN="x", HTTP_X_CART_TOKEN="x")
    before = dump_database()
    statuses = [bare.get(f"{API}/orders/{order.number}/"), bare.post(f"{API}/orders/", {}), bare.get(f"{API}/cart/")]
    assert [each.status_code for each in statuses] == [403] * 3
    del before["accounts_apikey"]
    after = dump_database()
    del after["accounts_apikey"]
    assert after == before
    assert Order.objects.count() == 1

    settings.RATE_LIMITS = True
    settings.RATE_LIMIT_RULES = {**settings.RATE_LIMIT_RULES, "api_key": (40, 3600)}
    with ThreadPoolExecutor(4) as threads:
        statuses = list(threads.map(lambda _: client.get(CURRENT).status_code, range(60)))
    assert (statuses.count(200), statuses.count(429)) == (40, 20)
    assert other.get(CURRENT).status_code == 200
    assert client_of(staff).get(f"{API}/users/me/").status_code == 200


def test_integrations_read_drafts_and_orders(
    staff: User, customer: User, make_product: Callable[..., Product], shipping: Any
) -> None:
    order = ordered(customer, make_product("Mug", sku="MUG"))
    make_product("Draft", sku="DRAFT", is_active=False)
    reader, bare = key_client(staff, ["catalog.view_product", "orders.view_order"]), key_client(staff, [])
    expected = {
        "": {"Mug"},
        "status=active": {"Mug"},
        "status=draft": {"Draft"},
        "status=all": {"Mug", "Draft"},
        "status=all&sku=draft&sku=mug": {"Mug", "Draft"},
        "sku=draft": set(),
        "status=all&sku=draft&expand=variants": {"Draft"},
        "status=draft&search=draf": {"Draft"},
    }
    for query, names in expected.items():
        page = reader.get(f"{API}/products/?{query}").json()
        assert ({each["name"] for each in page["results"]}, page["count"]) == (names, len(names)), query
        assert all(("is_active" in each) == ("status" in query) for each in page["results"]), query
    assert page["results"][0]["is_active"] is False
    for client, status in ((APIClient(), 401), (client_of(customer), 403), (bare, 403)):
        pages = {each: client.get(f"{API}/products/?status={each}") for each in ("active", "draft", "all")}
        assert {each: page.status_code for each, page in pages.items()} == {
            "active": 200,
            "draft": status,
            "all": status,
        }
    assert refusal(reader.get(f"{API}/products/?status=none"), 400) == ("invalid_choice", "status")

    filters = {
        "email=ada@example.com": 1,
        "sku=MUG": 1,
        "sku=DRAFT": 0,
        "tag=vip": 0,
        "created_after=2020-01-01T00:00:00Z": 1,
        "created_before=2020-01-01T00:00:00Z": 0,
        "updated_since=2020-01-01T00:00:00Z": 1,
    }
    assert {query: reader.get(f"{API}/orders/?{query}").json()["count"] for query in filters} == filters
    assert reader.get(f"{API}/orders/{order.number}/").json()["email"] == "ada@example.com"
    assert bare.get(f"{API}/orders/").status_code == 403
