"""Replays and endpoints that are enabled again keep the order of each object's messages, and lose none."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from catalog.models import Product
from conftest import client_of
from shop import audit
from shop.changes.numbering import number_due
from shop.dev.testing.steps import API, run_concurrently
from shop.jobs import run_due
from shop.webhooks.models import WebhookDelivery
from shop.webhooks.tests.conftest import ENDPOINTS, Receiver, deliver

Status = WebhookDelivery.Status


def rename(staff: APIClient, product: Product, name: str) -> None:
    assert staff.patch(f"{API}/products/{product.pk}/", {"name": name}).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_of_concurrent_replays_and_changes_of_an_object_one_is_pending(
    as_staff: APIClient,
    staff: Any,
    receiver: Receiver,
    add_endpoint: Callable[..., dict[str, Any]],
    make_product: Callable[..., Product],
) -> None:
    mug = make_product("Mug")
    number_due()
    log = f"{ENDPOINTS}{add_endpoint(types=['product.updated'])['id']}/deliveries/"
    for name in ("1", "2", "3"):
        rename(as_staff, mug, name)
        number_due()
    deliver()
    for attempt in range(5):
        sent = [row["id"] for row in as_staff.get(log).json()["results"] if row["status"] == "succeeded"]
        rename(as_staff, mug, f"Attempt {attempt}")
        replays = [lambda pk=pk: client_of(staff).post(f"{log}{pk}/replay/").status_code for pk in sent[:3]]
        assert run_concurrently(number_due, *replays)[1:] == [202, 202, 202]
        assert audit.violations() == []
        assert WebhookDelivery.objects.filter(status=Status.PENDING).count() == 1
        deliver()
    assert set(WebhookDelivery.objects.values_list("status", flat=True)) == {Status.SUCCEEDED}
    assert len(receiver.messages) == 3 + 5 * 4


@pytest.mark.django_db
def test_an_endpoint_that_is_enabled_again_receives_what_it_refused_first(
    as_staff: APIClient,
    receiver: Receiver,
    add_endpoint: Callable[..., dict[str, Any]],
    make_product: Callable[..., Product],
) -> None:
    mug, cup = make_product("Mug"), make_product("Cup")
    number_due()
    endpoint = f"{ENDPOINTS}{add_endpoint(types=['product.updated'])['id']}/"
    receiver.answers["/hook"] = lambda message: 410
    for name in ("1", "2", "3"):
        rename(as_staff, mug, f"Mug {name}")
        rename(as_staff, cup, f"Cup {name}")
        number_due()
    deliver()
    assert not as_staff.get(endpoint).json()["enabled"]
    refused = len(receiver.messages)
    assert as_staff.get(f"{endpoint}deliveries/?status=failed").json()["count"] == refused > 0

    receiver.answers.clear()
    assert as_staff.patch(endpoint, {"enabled": True}).status_code == 200
    run_due()
    assert audit.violations() == []
    deliver()
    for product in (mug, cup):
        received = [row for row in receiver.messages[refused:] if row["data"]["id"] == str(product.pk)]
        sequences = [row["sequence"] for row in received]
        assert (len(sequences), sequences) == (3, sorted(sequences))
    assert set(WebhookDelivery.objects.values_list("status", flat=True)) == {Status.SUCCEEDED}
    assert audit.violations() == []
