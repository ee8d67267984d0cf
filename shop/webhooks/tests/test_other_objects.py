"""Objects that cannot be sent, and events of another release, hold up nothing."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Product
from conftest import client_of
from shop import audit
from shop.changes import kinds
from shop.changes.kinds import Show
from shop.changes.numbering import number_due
from shop.dev.testing.admin import browser_of, url_of
from shop.dev.testing.steps import API
from shop.webhooks.messages import MAX_BODY_BYTES
from shop.webhooks.models import WebhookEndpoint
from shop.webhooks.tests.conftest import ENDPOINTS, Receiver, deliver

pytestmark = pytest.mark.django_db


def test_objects_that_cannot_be_sent_are_named(
    as_staff: APIClient,
    as_customer: APIClient,
    receiver: Receiver,
    add_endpoint: Callable[..., dict[str, Any]],
    make_product: Callable[..., Product],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mug = make_product("Mug")
    number_due()
    add_endpoint(types=["product.updated", "customer.updated"])

    def fail(object_id: str, parent: str) -> dict[str, Any]:
        raise KeyError(object_id)

    shows: list[Show] = [
        fail,
        lambda object_id, parent: {"value": object()},
        lambda object_id, parent: {"text": "x" * MAX_BODY_BYTES},
    ]
    for number, show in enumerate(shows):
        monkeypatch.setitem(kinds.kinds(), "product", dataclasses.replace(kinds.kinds()["product"], show=show))
        receiver.messages.clear()
        assert as_staff.patch(f"{API}/products/{mug.pk}/", {"name": f"Mug {number}"}).status_code == 200
        assert as_customer.patch(f"{API}/users/me/", {"name": f"Ada {number}"}).status_code == 200
        deliver()
        sent = {message["type"]: message["data"] for message in receiver.messages}
        assert sent["product.updated"] == {"id": str(mug.pk), "omitted": True}
        assert sent["customer.updated"]["name"] == f"Ada {number}"
    assert audit.violations() == []


def test_events_of_another_release_can_be_kept_and_disabled_by_superusers_only(
    as_staff: APIClient, staff: User, make_user: Callable[..., User], add_endpoint: Callable[..., dict[str, Any]]
) -> None:
    endpoint = add_endpoint(types=["product.*"])["id"]
    WebhookEndpoint.objects.update(types=["product.*", "gift.*"])
    one = f"{ENDPOINTS}{endpoint}/"
    page = browser_of(staff).get(url_of("shop.webhookendpoint", "change", endpoint))
    assert page.status_code == 200
    assert "gift.*" in page.content.decode()
    assert as_staff.post(f"{one}rotate-secret/").status_code == 200
    assert as_staff.patch(one, {"enabled": False}).json()["types"] == ["product.*", "gift.*"]
    clerk = make_user(email="clerk@example.com", is_staff=True)
    names = {"change_webhookendpoint", *(kind.permission.partition(".")[2] for kind in kinds.kinds().values())}
    clerk.user_permissions.set(Permission.objects.filter(codename__in=names))
    refused = client_of(clerk).patch(one, {"url": "https://other.example.com/"})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (403, "permission_denied")
    assert client_of(clerk).patch(one, {"description": "ERP"}).status_code == 200
