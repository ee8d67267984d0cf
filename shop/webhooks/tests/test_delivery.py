"""Messages are signed, sent at least once, and per object one after another."""

import copy
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.core import mail
from django.db import connections
from django.utils import timezone
from rest_framework.test import APIClient
from standardwebhooks import Webhook, WebhookVerificationError

from catalog.models import Product
from shop import audit
from shop.changes.numbering import number_due
from shop.db import documents
from shop.dev.testing.commands import count_commands
from shop.dev.testing.mails import work
from shop.dev.testing.steps import API, place_order
from shop.dev.testing.tasks import run_task
from shop.jobs import run_due
from shop.webhooks import dispatching, http, queue
from shop.webhooks.models import WebhookDelivery, WebhookEndpoint
from shop.webhooks.tests.conftest import ENDPOINTS, Receiver, deliver, slow

pytestmark = pytest.mark.django_db

Status = WebhookDelivery.Status


def rename(staff: APIClient, product: Product, name: str) -> None:
    assert staff.patch(f"{API}/products/{product.pk}/", {"name": name}).status_code == 200


def make_due(**match: Any) -> None:
    """Let the time of the back-off pass."""
    past = timezone.now() - timedelta(seconds=1)
    WebhookDelivery.objects.filter(status=Status.PENDING, **match).update(run_at=past)
    WebhookEndpoint.objects.update(paused_until=None)


@pytest.mark.quick
def test_changes_are_sent_signed_with_the_object_as_staff_see_it(
    as_staff: APIClient,
    as_customer: APIClient,
    receiver: Receiver,
    add_endpoint: Callable[..., dict[str, Any]],
    make_product: Callable[..., Product],
    shipping: Any,
) -> None:
    mug = make_product("Mug", price="10.00", stock=5)
    number_due()
    endpoint = add_endpoint(types=["order.placed", "stock.*", "order.placed"])
    assert endpoint["types"] == ["order.placed", "stock.*"]
    secret = endpoint["secret"]
    assert secret.startswith("whsec_")
    # It is nowhere in the database.
    assert secret not in str(documents.aggregate(WebhookEndpoint, []))
    with count_commands() as commands:
        deliver()
    assert len(commands) == 3, str(commands)

    number = place_order(as_customer, mug, 2)["number"]
    rename(as_staff, mug, "Cup")
    deliver()
    sent = {message["type"]: message for message in receiver.messages}
    assert sorted(sent) == ["order.placed", "stock.changed"]
    assert sent["order.placed"]["data"] == as_staff.get(f"{API}/orders/{number}/").json()
    assert sent["stock.changed"]["data"]["stock"] == 3
    assert sent["stock.changed"]["data"]["product"] == str(mug.pk)
    for headers, body in receiver.requests:
        message = Webhook(secret).verify(body, headers)
        assert message["id"] == headers["webhook-id"]
        assert set(message) == {"id", "type", "created_at", "sequence", "data"}
        assert headers["content-type"] == "application/json"
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body + b" ", headers)
    feed = as_staff.get(f"{API}/changes/", {"kinds": "order,stock"}).json()["results"]
    assert {row["sequence"] for row in feed} >= {message["sequence"] for message in sent.values()}

    # A rotated secret signs together with the former one, which expires.
    rotated = as_staff.post(f"{ENDPOINTS}{endpoint['id']}/rotate-secret/").json()["secret"]
    assert as_staff.post(f"{ENDPOINTS}{endpoint['id']}/test/").status_code == 202
    deliver()
    headers, body = receiver.requests[-1]
    assert orjson.loads(body)["type"] == "webhook.test"
    for each in (secret, rotated):
        Webhook(each).verify(body, headers)
    WebhookEndpoint.objects.update(former_until=timezone.now())
    as_staff.post(f"{ENDPOINTS}{endpoint['id']}/test/")
    deliver()
    headers, body = receiver.requests[-1]
    Webhook(rotated).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, headers)

    # What is gone has only its id.
    plate = make_product("Plate", stock=0)
    as_staff.patch(f"{ENDPOINTS}{endpoint['id']}/", {"types": ["product.*"]})
    as_staff.delete(f"{API}/products/{plate.pk}/")
    deliver()
    assert [message["type"] for message in receiver.messages[-2:]] == ["product.created", "product.deleted"]
    assert all(message["data"] == {"id": str(plate.pk)} for message in receiver.messages[-2:])
    assert audit.violations() == []


def test_a_failed_delivery_holds_back_those_of_its_object_only(
    as_staff: APIClient,
    receiver: Receiver,
    add_endpoint: Callable[..., dict[str, Any]],
    make_product: Callable[..., Product],
    settings: Any,
) -> None:
    settings.ORDER_NOTICE_EMAILS = ["desk@example.com"]
    mug, cup = make_product("Mug"), make_product("Cup")
    number_due()
    endpoint = add_endpoint(types=["product.*"])
    log = f"{ENDPOINTS}{endpoint['id']}/deliveries/"
    failing = {str(mug.pk)}
    receiver.answers["/hook"] = lambda message: 500 if message["data"]["id"] in failing else 204
    for name in ("1", "2", "3"):
        rename(as_staff, mug, f"Mug {name}")
        rename(as_staff, cup, f"Cup {name}")
        number_due()
    deliver()
    assert [message["data"]["id"] for message in receiver.messages].count(str(mug.pk)) == 1
    assert [message["sequence"] for message in receiver.messages if message["status"] == 204] == sorted(
        message["sequence"] for message in receiver.messages if message["data"]["id"] == str(cup.pk)
    )
    rows = as_staff.get(log).json()
    assert rows["count"] == 6
    assert [row["status"] for row in rows["results"] if row["object"] == str(mug.pk)] == ["held", "held", "pending"]
    assert as_staff.get(f"{log}?status=held").json()["count"] == 2
    pending = as_staff.get(f"{log}?status=pending").json()["results"][0]
    assert pending["attempts"][0]["status_code"] == 500
    wait = timezone.datetime.fromisoformat(pending["next_attempt_at"]) - timezone.now()
    assert timedelta(seconds=3) < wait < timedelta(seconds=6)
    held = as_staff.get(f"{log}?status=held").json()["results"][0]
    assert as_staff.post(f"{log}{held['id']}/replay/").status_code == 409
    assert audit.violations() == []

    # Each attempt has the same id; the last one ends the delivery and disables the endpoint, with a notice.
    for attempt in range(1, len(queue.BACK_OFF) + 1):
        make_due()
        deliver()
        (delivery,) = WebhookDelivery.objects.filter(tries=attempt + 1)
        left = 0.0 if delivery.run_at is None else (delivery.run_at - timezone.now()).total_seconds()
        assert left <= queue.BACK_OFF[-1] * 1.1
    ids = {message["id"] for message in receiver.messages if message["data"]["id"] == str(mug.pk)}
    assert ids == {pending["message_id"]}
    assert 71 * 3600 < sum(queue.BACK_OFF) < 76 * 3600
    shown = as_staff.get(f"{ENDPOINTS}{endpoint['id']}/").json()
    assert (shown["enabled"], shown["disabled_reason"]) == (
        False,
        "A delivery failed for three days. The endpoint answered 500.",
    )
    work()
    assert [each.to for each in mail.outbox if "webhook" in each.subject] == [["desk@example.com"]]
    assert as_staff.get(f"{log}{pending['id']}/").json()["status"] == "failed"
    assert as_staff.post(f"{log}{pending['id']}/replay/").json()["errors"][0]["code"] == "endpoint_disabled"
    # Nothing is sent, and nothing new is written.
    before = len(receiver.messages)
    rename(as_staff, mug, "Mug 4")
    deliver()
    assert (len(receiver.messages), WebhookDelivery.objects.count()) == (before, 6)

    # Enabled again, it receives what it refused and the rest, in order, and what is replayed.
    failing.clear()
    assert as_staff.patch(f"{ENDPOINTS}{endpoint['id']}/", {"enabled": True}).json()["disabled_reason"] == ""
    run_due()
    deliver()
    assert as_staff.post(f"{log}{pending['id']}/replay/").json()["status"] == "pending"
    deliver()
    mugs = [message["sequence"] for message in receiver.messages[before:] if message["data"]["id"] == str(mug.pk)]
    assert mugs == [pending["sequence"], *sorted(mugs[1:3]), pending["sequence"]]
    assert set(WebhookDelivery.objects.values_list("status", flat=True)) == {"succeeded"}
    assert audit.violations() == []

    # An endpoint that says so is disabled at once; the log is deleted with it.
    receiver.answers["/hook"] = lambda message: 410
    rename(as_staff, mug, "Mug 5")
    deliver()
    assert "410" in as_staff.get(f"{ENDPOINTS}{endpoint['id']}/").json()["disabled_reason"]
    assert as_staff.delete(f"{ENDPOINTS}{endpoint['id']}/").status_code == 204
    assert as_staff.get(log).status_code == 404
    run_task("shop.forget_webhook_deliveries")
    assert not WebhookDelivery.objects.exists()
    make_due()


def test_an_endpoint_that_hangs_holds_up_no_other_one(
    as_staff: APIClient,
    receiver: Receiver,
    add_endpoint: Callable[..., dict[str, Any]],
    make_product: Callable[..., Product],
) -> None:
    receiver.answers["/hangs"] = slow(1.5)
    receiver.answers["/redirects"] = lambda message: 302
    products = [make_product() for _ in range(12)]
    number_due()
    names = ("/good", "/hangs", "/redirects")
    ids = {path: add_endpoint(path, types=["product.*"])["id"] for path in names}
    closed = add_endpoint(url="http://127.0.0.1:9/", types=["product.*"])["id"]
    for product in products:
        rename(as_staff, product, "New")
    number_due()

    def post(url: str, headers: dict[str, str], body: bytes) -> http.Answer:
        return http.post(url, headers, body, seconds=0.5)

    dispatcher = dispatching.Dispatcher(post)
    steps = []
    until = time.monotonic() + 8
    while len(receiver.at("/good")) < 12 and time.monotonic() < until:
        started = time.monotonic()
        dispatcher.step()
        steps.append(time.monotonic() - started)
        # No more attempts at once than an endpoint may have.
        assert dispatcher.under_way(ids["/hangs"]) <= dispatching.PER_ENDPOINT
        dispatcher.wakes.wait(0.05)
    assert len(receiver.at("/good")) == 12
    assert max(steps) < 1.0
    assert len(receiver.at("/elsewhere")) == 0
    dispatching.finish(dispatcher, seconds=5)
    errors = {
        endpoint: next(each for each in WebhookDelivery.objects.filter(endpoint=endpoint) if each.attempts)
        .attempts[0]
        .error
        for endpoint in (ids["/hangs"], ids["/redirects"], closed)
    }
    assert errors == {
        ids["/hangs"]: "The endpoint did not answer in time.",
        ids["/redirects"]: "Redirects are not followed.",
        closed: "The connection failed: ConnectError.",
    }
    # After several failures it is asked once at a time, with pauses.
    broken = WebhookEndpoint.objects.get(pk=closed)
    assert broken.failures >= queue.FAILURES_BEFORE_PAUSE
    assert broken.paused_until is not None
    assert broken.paused_until > timezone.now() - timedelta(seconds=2)
    assert audit.violations() == []


@pytest.mark.django_db(transaction=True)
def test_workers_share_deliveries_and_repeat_those_of_a_killed_one(
    as_staff: APIClient,
    receiver: Receiver,
    add_endpoint: Callable[..., dict[str, Any]],
    make_product: Callable[..., Product],
) -> None:
    products = [make_product() for _ in range(6)]
    number_due()
    endpoint = add_endpoint(types=["product.updated"])
    # Fewer in a row than pause an endpoint.
    answers = iter([500, 204] * 5)
    receiver.answers["/hook"] = lambda message: next(answers, 204)
    # Killed after the claim: nothing is sent until its lease ends.
    rename(as_staff, products[0], "Killed")
    number_due()
    (lost,) = queue.due([WebhookEndpoint.objects.get().pk], limit=5, moment=timezone.now())
    late = copy.copy(lost)
    assert queue.lease(lost)
    assert not queue.lease(late)

    changing = threading.Event()

    def work_on() -> None:
        while not changing.wait(0.05):
            deliver()
        connections.close_all()

    workers = [threading.Thread(target=work_on) for _ in range(3)]
    for worker in workers:
        worker.start()
    for round_ in range(4):
        for product in products:
            rename(as_staff, product, f"Round {round_}")
        make_due(is_leased=False)
    changing.set()
    for worker in workers:
        worker.join(60)
    assert str(products[0].pk) not in {message["data"]["id"] for message in receiver.messages}
    # Its lease ends.
    for _ in range(30):
        make_due()
        deliver()
        if not WebhookDelivery.objects.filter(status__in=WebhookDelivery.OPEN).exists():
            break
    accepted = [message for message in receiver.messages if message["status"] == 204]
    by_object: dict[str, list[int]] = {}
    for message in accepted:
        by_object.setdefault(message["data"]["id"], []).append(message["sequence"])
    assert len(by_object) == 6
    for sequences in by_object.values():
        assert sequences == sorted(set(sequences))
    assert sum(map(len, by_object.values())) == WebhookDelivery.objects.count() == 25
    # The killed worker's answer comes too late.
    queue.record(lost, http.Answer(500, 1, "late"))
    assert set(WebhookDelivery.objects.values_list("status", flat=True)) == {"succeeded"}
    assert as_staff.get(f"{ENDPOINTS}{endpoint['id']}/").json()["enabled"]
    assert audit.violations() == []
