"""Only the required fields of an event are stored, and they suffice for a replay."""

import importlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Product
from payments import events as inbox
from payments.event_payload import stored_part
from payments.models import Payment, StripeEvent
from payments.refunds import sync_refunds
from shop import audit, jobs
from shop.dev.stripe_simulator import ApiError, StripeSimulator
from shop.dev.testing.admin import browser_of, url_of
from shop.dev.testing.groups import make_groups
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, dump_database, order_of, place_order
from shop.dev.testing.stripe_steps import deliver, events, open_payment, post_event

pytestmark = pytest.mark.django_db

CANARY = "canary"
migration = importlib.import_module("payments.migrations.0002_strip_stored_events")


def loaded(found: dict[str, Any]) -> dict[str, Any]:
    """Return a Stripe object with all personal data that Stripe may add."""
    person = {"name": CANARY, "email": CANARY, "phone": CANARY, "address": {"line1": CANARY}}
    card = {"brand": CANARY, "last4": CANARY, "fingerprint": CANARY, "wallet": {"email": CANARY}}
    method = {"id": "pm_1", "object": "payment_method", "billing_details": person, "card": card}
    more = {
        "client_secret": f"pi_1_secret_{CANARY}",
        "billing_details": person,
        "payment_method_details": {"card": card},
        "payment_method": method,
        "receipt_email": CANARY,
        "receipt_url": CANARY,
        "shipping": person,
        "description": CANARY,
        "customer": {"id": "cus_1", "email": CANARY},
        "next_action": {"redirect_to_url": {"url": CANARY}},
        "evidence": {"customer_name": CANARY, "customer_email_address": CANARY},
        "charges": {"data": [{"billing_details": person}]},
        "outcome": {"seller_message": CANARY},
        "latest_charge": {"id": "ch_1", "billing_details": person},
        "last_payment_error": {
            "message": "Declined.",
            "code": "card_declined",
            "charge": "ch_1",
            "payment_method": method,
            "payment_intent": {"client_secret": CANARY},
        },
        "metadata": {**found.get("metadata", {}), "customer_note": CANARY},
    }
    return {**more, **{name: value for name, value in found.items() if name not in more}}


KINDS = {
    "payment_intent": "payment_intent.succeeded",
    "charge": "charge.refunded",
    "refund": "refund.updated",
    "dispute": "charge.dispute.created",
    "customer": "customer.updated",
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_nothing_of_a_person_and_no_secret_is_stored(db: None, simulator: StripeSimulator, kind: str) -> None:
    money = {"amount": 1000, "currency": "usd", "livemode": False}
    found = loaded({"id": "x_1", "object": kind, "status": "succeeded", "metadata": {"payment": "0" * 24}, **money})
    event = {
        **simulator.make_event(KINDS[kind], found),
        "request": {"id": CANARY, "idempotency_key": CANARY},
    }
    event["data"]["previous_attributes"] = {"receipt_email": CANARY}
    assert post_event(event).status_code == 200
    row = StripeEvent.objects.get()
    assert CANARY not in json.dumps(dump_database(), default=str)
    assert row.payload["data"]["object"]["id"] == "x_1"
    assert stored_part(row.payload) == row.payload


@pytest.mark.parametrize(
    "broken",
    [
        None,
        [],
        "x",
        {"data": None},
        {"data": {"object": []}},
        {"id": {"client_secret": CANARY}, "data": {"object": {"object": {"x": CANARY}, "id": [CANARY]}}},
        {"data": {"object": {"object": "payment_intent", "metadata": [CANARY], "last_payment_error": CANARY}}},
        {"data": {"object": {"object": "refund", "charge": {"id": {"x": CANARY}}}}},
    ],
    ids=str,
)
def test_what_has_another_form_is_stored_without_it(broken: Any) -> None:
    assert CANARY not in json.dumps(stored_part(broken))
    assert stored_part(stored_part(broken)) == stored_part(broken)


@pytest.fixture
def paid(as_customer: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator) -> str:
    """An order that was declined, paid, refunded in part and disputed, by events that carry everything."""
    number = place_order(as_customer, make_product(price="10.00"))["number"]
    intent = open_payment(as_customer, number)["payment_intent"]
    with pytest.raises(ApiError):
        simulator.pay(intent, "pm_card_chargeDeclined")
    simulator.pay(intent)
    return number


def test_a_replay_of_what_is_stored_ends_in_the_same_state(
    as_customer: APIClient, as_staff: APIClient, paid: str, simulator: StripeSimulator
) -> None:
    deliver(simulator)
    payment = Payment.objects.get()
    refund = {"amount": "4.00", "reason": "Broken"}
    assert as_staff.post(f"{API}/payments/{payment.pk}/refunds/", refund).status_code == 201
    deliver(simulator)
    jobs.run_due()
    before = order_of(as_customer, paid), Payment.objects.values("status", "amount_received", "amount_refunded").get()
    assert before[0]["payment_status"] == "partially_refunded"
    rows = list(StripeEvent.objects.order_by("-pk"))
    for row in rows:
        status = inbox.replay(row).status
        assert status in ("applied", "ignored")
    jobs.run_due()
    after = order_of(as_customer, paid), Payment.objects.values("status", "amount_received", "amount_refunded").get()
    assert after == before


def test_events_alone_bring_a_shop_that_heard_nothing_to_the_same_state(
    as_customer: APIClient, paid: str, simulator: StripeSimulator
) -> None:
    for event in events(simulator):
        StripeEvent.objects.create(
            id=event["id"],
            type=event["type"],
            payload=stored_part(event),
            created_at=timezone.now(),
            retry_at=timezone.now(),
        )
    inbox.retry_due()
    order = order_of(as_customer, paid)
    assert (order["status"], order["payment_status"]) == ("completed", "paid")
    assert not StripeEvent.objects.filter(status="failed").exists()


def test_an_intent_that_became_known_by_its_event_can_still_be_paid(
    as_customer: APIClient, as_stranger: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator
) -> None:
    number = place_order(as_customer, make_product(price="10.00"))["number"]
    opened = open_payment(as_customer, number)
    # The response that contained it was lost.
    Payment.objects.update(intent="", client_secret="", status="")
    deliver(simulator, "payment_intent.created")
    assert Payment.objects.get().intent == opened["payment_intent"]
    assert open_payment(as_customer, number)["client_secret"] == opened["client_secret"]
    assert Payment.objects.get().client_secret == opened["client_secret"]
    assert refusal(as_stranger.get(f"{API}/payments/{opened['id']}/"), 404)


def test_the_events_that_were_stored_before_are_stripped_in_batches_again_and_again(
    db: None, simulator: StripeSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration, "BATCH", 2)
    for number in range(5):
        found = loaded({"id": f"pi_{number}", "object": "payment_intent", "status": "succeeded"})
        StripeEvent.objects.create(
            id=f"evt_{number}",
            type="payment_intent.succeeded",
            payload=simulator.make_event("payment_intent.succeeded", found),
            status="applied",
            created_at=timezone.now(),
        )
    holds_more = [line for line in audit.violations() if "has other fields" in line]
    assert len(holds_more) == 5
    # It died after the first three.
    for row in StripeEvent.objects.order_by("pk")[:3]:
        StripeEvent.objects.filter(pk=row.pk).update(payload=stored_part(row.payload))
    migration.strip_events(apps)
    first = dump_database()["payments_stripeevent"]
    assert CANARY not in json.dumps(first, default=str)
    assert [row["payload"]["data"]["object"]["id"] for row in first] == [f"pi_{number}" for number in range(5)]
    migration.strip_events(apps)
    assert dump_database()["payments_stripeevent"] == first
    assert not [line for line in audit.violations() if "has other fields" in line]


def test_staff_read_no_client_secret_in_the_admin_or_by_the_api(
    make_user: Callable[..., User], as_customer: APIClient, paid: str, simulator: StripeSimulator
) -> None:
    make_groups()
    deliver(simulator)
    sync_refunds.enqueue(intent=Payment.objects.get().intent)
    clerk = make_user(is_staff=True)
    browser = browser_of(clerk)
    payment = Payment.objects.get()
    secret = payment.client_secret
    assert secret
    pages = [url_of("payments.payment"), url_of("payments.payment", "change", payment.pk), url_of("orders.order")]
    pages += [url_of("orders.order", "change", payment.order_id), url_of("shop.job")]
    pages += [url_of("shop.job", "change", job.pk) for job in jobs.Job.objects.all()]
    pages += [url_of("payments.stripeevent"), "/admin/"]
    pages += [url_of("payments.stripeevent", "change", row.pk) for row in StripeEvent.objects.all()]
    for role in ("Read-only", "Order desk"):
        clerk.groups.set([Group.objects.get(name=role)])
        opened = 0
        for page in pages:
            reply = browser.get(page)
            opened += reply.status_code == 200
            assert reply.status_code in (200, 403), page
            assert secret not in reply.content.decode()
        assert opened >= 4
