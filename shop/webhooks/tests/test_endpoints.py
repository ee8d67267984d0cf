"""Endpoints by REST and in the admin: what they refuse, whose objects they may receive, secrets that are shown once."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as configured
from django.contrib.auth.models import Permission
from django.core import mail
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from conftest import client_of
from shop import audit
from shop.audit.staff_log import StaffAction
from shop.changes import kinds
from shop.dev.testing.admin import browser_of, url_of
from shop.dev.testing.mails import work
from shop.dev.testing.steps import run_concurrently
from shop.webhooks import services, signing
from shop.webhooks.errors import TooManyEndpoints
from shop.webhooks.models import MAX_ENDPOINTS, WebhookDelivery, WebhookEndpoint
from shop.webhooks.tests.conftest import ENDPOINTS, Receiver, deliver

pytestmark = pytest.mark.django_db

URL = "https://erp.example.com/hooks?shop=1"


def test_addresses_and_events_are_checked(as_staff: APIClient) -> None:
    bad: list[tuple[dict[str, Any], str, str]] = [
        ({}, "url", "required"),
        ({"url": URL}, "types", "required"),
        ({"url": URL, "types": []}, "types", "empty"),
        ({"url": URL, "types": ["order.eaten"]}, "types.0", "unknown_type"),
        ({"url": URL, "types": ["order.paid", 7]}, "types.1", "unknown_type"),
        ({"url": URL, "types": ["order.*"] * 101}, "types", "max_length"),
        *(
            ({"url": url, "types": ["order.*"]}, "url", "invalid_url")
            for url in (
                "ftp://erp.example.com",
                "https://",
                "https://user:password@erp.example.com/",
                "https://erp.example.com/#part",
                "https://10.0.0.1/",
                "https://[::1]:9000/",
                "https://169.254.169.254/latest/meta-data",
                "https://erp.example.com:99999/",
                "https://erp.example.com/a b",
                "https://bücher.example/",
                "https://[bad/",
            )
        ),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(configured, "WEBHOOK_PRIVATE_NETWORKS", [])
        for body, attr, code in bad:
            reply = as_staff.post(ENDPOINTS, body)
            (error, *_) = reply.json()["errors"]
            assert (reply.status_code, error["attr"], error["code"]) == (400, attr, code), body
        patch.setattr(configured, "DEBUG", False)
        plain = as_staff.post(ENDPOINTS, {"url": "http://erp.example.com/", "types": ["order.*"]})
        assert plain.json()["errors"][0]["detail"] == "Must begin with https://."
    assert not WebhookEndpoint.objects.exists()

    made = as_staff.post(ENDPOINTS, {"url": URL, "types": ["order.*"], "description": "ERP"}).json()
    one = f"{ENDPOINTS}{made['id']}/"
    assert as_staff.get(one).json() == {name: value for name, value in made.items() if name != "secret"}
    assert as_staff.get(ENDPOINTS).json()["results"] == [as_staff.get(one).json()]
    changed = as_staff.patch(one, {"types": ["stock.changed"], "enabled": False, "disabled_reason": "x"}).json()
    assert (changed["types"], changed["enabled"], changed["disabled_reason"]) == (["stock.changed"], False, "")
    assert as_staff.post(f"{one}test/").json()["errors"][0]["code"] == "endpoint_disabled"
    assert as_staff.put(one, {}).status_code == 405
    assert as_staff.delete(one).status_code == 204
    assert as_staff.get(one).status_code == 404
    actions = StaffAction.objects.filter(model="shop.webhookendpoint").order_by("pk")
    assert list(actions.values_list("action", flat=True)) == ["add", "change", "delete"]
    assert audit.violations() == []


def test_no_one_receives_objects_that_they_may_not_see(make_user: Callable[..., User], as_staff: APIClient) -> None:
    keeper = make_user(is_staff=True)
    names = ("add_webhookendpoint", "change_webhookendpoint", "view_webhookendpoint", "view_variant")
    keeper.user_permissions.set(Permission.objects.filter(codename__in=names))
    client, browser = client_of(keeper), browser_of(keeper)
    assert client.post(ENDPOINTS, {"url": URL, "types": ["stock.*", "order.paid"]}).status_code == 403
    assert client.post(ENDPOINTS, {"url": URL, "types": ["stock.*"]}).status_code == 201
    foreign = as_staff.post(ENDPOINTS, {"url": URL, "types": ["order.*"]}).json()
    one = f"{ENDPOINTS}{foreign['id']}/"
    for change in ({"url": "https://evil.example/"}, {"types": ["stock.*"]}, {"enabled": True}):
        assert client.patch(one, change).status_code == 403
    assert client.post(f"{one}rotate-secret/").status_code == 403
    assert client.patch(one, {"description": "ERP"}).status_code == 200
    page = browser.get(url_of("shop.webhookendpoint", "add"))
    assert "stock.changed" in page.content.decode()
    assert "order.paid" not in page.content.decode()
    body = {"url": "https://evil.example/", "types": ["order.*"], "enabled": "on"}
    refused = browser.post(url_of("shop.webhookendpoint", "change", foreign["id"]), body)
    assert "objects that you may not see" in refused.content.decode()
    assert WebhookEndpoint.objects.get(pk=foreign["id"]).url == URL


@pytest.mark.django_db(transaction=True)
def test_concurrent_requests_add_at_most_as_many_as_allowed() -> None:
    for number in range(MAX_ENDPOINTS - 2):
        services.create_endpoint(url=f"{URL}{number}", types=["order.*"])

    def add() -> bool:
        try:
            services.create_endpoint(url=URL, types=["order.*"])
        except TooManyEndpoints:
            return False
        return True

    assert sorted(run_concurrently(*[add] * 4)) == [False, False, True, True]
    assert WebhookEndpoint.objects.count() == MAX_ENDPOINTS


def test_staff_keep_endpoints_in_the_admin(staff: User, receiver: Receiver, settings: Any) -> None:
    browser: Client = browser_of(staff)
    body = {"url": f"{receiver.url}/admin", "description": "", "types": ["order.*"], "enabled": "on"}
    page = browser.post(url_of("shop.webhookendpoint", "add"), body)
    assert page.status_code == 200
    assert "no-store" in page.headers["cache-control"]
    (secret,) = re.findall(r"whsec_[A-Za-z0-9+/=]+", page.content.decode())
    endpoint = WebhookEndpoint.objects.get()
    change = url_of("shop.webhookendpoint", "change", endpoint.pk)
    assert secret not in browser.get(change).content.decode()
    assert signing.secrets_of(endpoint, now=endpoint.created_at) == [secret]
    browser.post(url_of("shop.webhookendpoint", "send_test", endpoint.pk), {})
    deliver()
    assert [message["type"] for message in receiver.messages] == ["webhook.test"]
    rotated = browser.post(url_of("shop.webhookendpoint", "rotate_secret", endpoint.pk), {}).content.decode()
    assert len(re.findall(r"whsec_[A-Za-z0-9+/=]+", rotated)) == 1
    assert secret not in rotated
    delivery = WebhookDelivery.objects.get()
    browser.post(url_of("shop.webhookdelivery", "replay", delivery.pk), {})
    deliver()
    assert len({message["id"] for message in receiver.messages}) == 1
    assert len(receiver.messages) == 2
    listed = browser.get(f"{url_of('shop.webhookdelivery')}?endpoint={endpoint.pk}")
    assert "webhook.test" in listed.content.decode()

    # A new SECRET_KEY makes other secrets: instead of wrong signatures, staff are told.
    settings.ORDER_NOTICE_EMAILS = ["desk@example.com"]
    key = settings.SECRET_KEY
    browser.post(url_of("shop.webhookendpoint", "send_test", endpoint.pk), {})
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", [key]
    assert len(signing.secrets_of(endpoint, now=endpoint.created_at)) == 1
    settings.SECRET_KEY_FALLBACKS = []
    deliver()
    endpoint.refresh_from_db()
    assert (endpoint.enabled, len(receiver.messages)) == (False, 2)
    assert "Rotate" in endpoint.disabled_reason
    work()
    assert [each.to for each in mail.outbox if "webhook" in each.subject] == [["desk@example.com"]]


def test_the_documentation_lists_all_events() -> None:
    page = (configured.BASE_DIR / "docs/webhooks.md").read_text()
    rows = dict(re.findall(r"^\| `([a-z]+\.[a-z_]+)` \| (.+) \|$", page, re.MULTILINE))
    assert rows == kinds.types()
