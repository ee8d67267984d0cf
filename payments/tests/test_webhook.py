"""The webhook: signed events are stored once and applied once."""

import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from catalog.models import Product
from orders.models import Order
from payments import events as inbox
from payments.models import Payment, Refund, StripeEvent
from shop import jobs
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.stripe_simulator.delivery import body_of, sign
from shop.dev.testing.failures import failing
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, dump_database, events_of, order_of, place_order, run_concurrently
from shop.dev.testing.stripe_steps import WEBHOOK, deliver, events, open_payment, post_body, post_event
from shop.dev.testing.tasks import run_task
from shop.jobs import timing

pytestmark = [pytest.mark.django_db, pytest.mark.quick]

SECRET = "whsec_simulator"


@pytest.fixture
def number(as_customer: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator) -> str:
    """The number of an order that was paid at Stripe, whose event is not delivered yet."""
    number = place_order(as_customer, make_product(price="10.00", stock=5))["number"]
    simulator.pay(open_payment(as_customer, number)["payment_intent"])
    return number


@pytest.fixture
def success(number: str, simulator: StripeSimulator) -> dict[str, Any]:
    return events(simulator, "payment_intent.succeeded")[0]


def paid_once(client: APIClient, number: str) -> bool:
    order = order_of(client, number)
    assert Payment.objects.count() == 1
    assert jobs.Job.objects.filter(kind="catalog.count_sales").count() == 1
    assert jobs.Job.objects.filter(kind="orders.mail", payload__event="paid").count() == 1
    return (
        events_of(order) == [("placed", "customer"), ("paid", "stripe")]
        and (order["status"], order["payment_status"]) == ("completed", "paid")
        and Payment.objects.get().amount_received == 1000
    )


def bad_signatures(body: bytes) -> dict[str, str]:
    now = int(time.time())
    good = sign(body, [SECRET], now)
    return {
        "none": "",
        "nonsense": "nonsense",
        "no timestamp": good.partition(",")[2],
        "no digest": f"t={now}",
        "another secret": sign(body, ["whsec_other"], now),
        "an old one": sign(body, [SECRET], now - 301),
        "another timestamp": good.replace(f"t={now}", f"t={now - 1}"),
        "another scheme": good.replace("v1=", "v0="),
        "truncated": good[:-1],
        "not ASCII": good + "\u00e9",
        "a word for a timestamp": good.replace(f"t={now}", "t=now"),
    }


def test_a_bad_signature_is_a_400_and_leaves_no_row(success: dict, subtests: pytest.Subtests) -> None:
    before = dump_database()
    body = body_of(success)
    for what, signature in bad_signatures(body).items():
        with subtests.test(what):
            assert refusal(post_body(body, signature), 400) == ("invalid_signature", None)
            assert dump_database() == before


def test_a_missing_signature_is_a_400(success: dict) -> None:
    reply = APIClient().generic("POST", WEBHOOK, body_of(success), content_type="application/json")
    assert refusal(reply, 400) == ("invalid_signature", None)
    assert not StripeEvent.objects.exists()


def test_the_signature_is_over_the_raw_bytes(success: dict) -> None:
    body = body_of(success)
    signature = sign(body, [SECRET], int(time.time()))
    reserialised = json.dumps(json.loads(body)).encode()
    for other in (reserialised, body + b" ", body[:-1], body.replace(b"1000", b"1001"), b"\xff\xfe", b""):
        assert refusal(post_body(other, signature), 400) == ("invalid_signature", None)
    assert not StripeEvent.objects.exists()


@pytest.mark.parametrize("body", [b"[]", b"{}", b'"event"', b"not JSON", b'{"object": "charge"}', b""])
def test_what_is_signed_but_no_event_is_a_400(db: None, body: bytes) -> None:
    reply = post_body(body, sign(body, [SECRET], int(time.time())))
    assert refusal(reply, 400) == ("invalid_event", None)
    assert not StripeEvent.objects.exists()


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/octet-stream", "application/x-www-form-urlencoded"]
)
def test_the_content_type_does_not_matter(
    as_customer: APIClient, number: str, success: dict, content_type: str
) -> None:
    body = body_of(success)
    signature = sign(body, [SECRET], int(time.time()))
    reply = APIClient().generic("POST", WEBHOOK, body, content_type=content_type, HTTP_STRIPE_SIGNATURE=signature)
    assert reply.status_code == 200
    assert paid_once(as_customer, number)


def test_a_user_token_on_the_webhook_changes_nothing(as_customer: APIClient, number: str, success: dict) -> None:
    refused = as_customer.post(WEBHOOK, success, headers={"Stripe-Signature": ""})
    assert refusal(refused, 400) == ("invalid_signature", None)


def test_one_of_two_digests_is_enough(as_customer: APIClient, number: str, success: dict) -> None:
    body = body_of(success)
    signature = sign(body, ["whsec_old", SECRET], int(time.time()))
    assert signature.count("v1=") == 2
    assert post_body(body, signature).status_code == 200
    assert paid_once(as_customer, number)


def test_both_secrets_are_good_while_one_is_being_rotated(success: dict, settings: Any) -> None:
    settings.STRIPE_WEBHOOK_SECRET = "whsec_new, whsec_simulator"
    for secret, status in (("whsec_new", 200), (SECRET, 200), ("whsec_other", 400), ("", 400)):
        assert post_event(success, secret=secret).status_code == status


def test_the_same_delivery_ten_times_at_once_has_one_effect(as_customer: APIClient, number: str, success: dict) -> None:
    replies = run_concurrently(*[lambda: post_event(success)] * 10)
    assert {reply.status_code for reply in replies} == {200}
    assert paid_once(as_customer, number)
    assert StripeEvent.objects.count() == 1
    assert StripeEvent.objects.get().status == "applied"


def test_the_same_success_under_other_ids_has_one_effect(
    as_customer: APIClient, number: str, success: dict, simulator: StripeSimulator
) -> None:
    for _ in range(3):
        simulator.twin(success["id"])
    twins = events(simulator, "payment_intent.succeeded")
    assert len({twin["id"] for twin in twins}) == 4
    run_concurrently(*[lambda twin=twin: post_event(twin) for twin in twins])
    assert paid_once(as_customer, number)
    assert sorted(StripeEvent.objects.values_list("status", flat=True)) == ["applied"] + ["ignored"] * 3


def test_what_is_kept_of_an_event(number: str, success: dict) -> None:
    post_event(success)
    row = StripeEvent.objects.get()
    assert (row.pk, row.type, row.status) == (success["id"], "payment_intent.succeeded", "applied")
    intent = success["data"]["object"]
    kept = row.payload["data"]["object"]
    assert kept == {name: intent[name] for name in kept}
    assert set(row.payload) == {"id", "object", "livemode", "created", "type", "api_version", "data"}
    assert {"id", "status", "amount", "amount_received", "currency", "metadata"} <= set(kept)
    assert "client_secret" in intent
    assert "client_secret" not in kept
    assert row.created_at.timestamp() == success["created"]
    assert row.retry_at is None


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"amount": 999, "amount_received": 999}, "has the amount 999, the order 1000."),
        ({"amount_received": 400}, "received 400 of 1000."),
        ({"currency": "eur"}, "is in eur, the order in usd."),
        ({"livemode": True}, "belongs to Stripe's other mode"),
    ],
    ids=["amount", "received", "currency", "livemode"],
)
def test_money_that_does_not_match_is_flagged_and_completes_nothing(
    as_staff: APIClient, number: str, success: dict, simulator: StripeSimulator, changed: dict, told: str
) -> None:
    for _ in range(2):
        event = simulator.make_event(success["type"], {**success["data"]["object"], **changed})
        assert post_event(event).status_code == 200
    order = order_of(as_staff, number)
    assert (order["status"], order["payment_status"]) == ("pending", "unpaid")
    assert events_of(order) == [("placed", "customer"), ("flagged", "stripe")]
    assert told in order["timeline"][-1]["detail"]
    assert Order.objects.get().flagged is True
    assert set(StripeEvent.objects.values_list("status", flat=True)) == {"flagged"}
    assert Payment.objects.get().amount_received == 0


def test_an_event_that_cannot_be_applied_now_is_kept_and_tried_again(
    as_customer: APIClient, number: str, success: dict
) -> None:
    with failing("update", Order, times=None, errorCode=8000):
        assert post_event(success).status_code == 200
        row = StripeEvent.objects.get()
        assert (row.status, row.attempts) == ("failed", 1)
        assert "failpoint" in row.detail
        assert Payment.objects.get().status != "succeeded"
        assert inbox.retry_due() == 0
        StripeEvent.objects.update(retry_at=timezone.now())
        assert inbox.retry_due() == 1
        row.refresh_from_db()
        assert (row.status, row.attempts) == ("failed", 2)
        assert row.retry_at - timezone.now() > timedelta(seconds=15)
    # A repeated delivery changes nothing.
    assert post_event(success).status_code == 200
    StripeEvent.objects.update(retry_at=timezone.now())
    assert inbox.retry_due() == 1
    assert paid_once(as_customer, number)
    assert inbox.retry_due() == 0


def test_an_event_whose_process_died_after_storing_it_is_applied_by_the_worker(
    as_customer: APIClient, number: str, success: dict
) -> None:
    StripeEvent.objects.create(
        id=success["id"],
        type=success["type"],
        payload=success,
        created_at=timezone.now(),
        retry_at=timezone.now() - timedelta(seconds=1),
    )
    run_concurrently(*[inbox.retry_due] * 3)
    assert paid_once(as_customer, number)


def test_many_events_that_are_due_are_retried_in_slices(
    as_customer: APIClient, number: str, success: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    with failing("update", Order, times=None, errorCode=8000):
        for position in range(3):
            post_event({**success, "id": f"evt_{position}"})
    StripeEvent.objects.update(retry_at=timezone.now())
    monkeypatch.setattr(timing, "SLICE_SECONDS", 0.0)
    # The last slice finds none.
    assert run_task("payments.retry_events") == 4
    assert not StripeEvent.objects.exclude(retry_at=None).exists()
    assert paid_once(as_customer, number)


@pytest.mark.parametrize("event_type", ["customer.created", "payout.paid", "made.up", "charge.succeeded"])
def test_types_of_no_use_are_acknowledged_and_ignored(number: str, simulator: StripeSimulator, event_type: str) -> None:
    event = simulator.make_event(event_type, {"id": "x_1", "object": "whatever"})
    assert post_event(event).status_code == 200
    assert StripeEvent.objects.get().status == "ignored"
    assert Order.objects.get().payment_status == "unpaid"


@pytest.mark.parametrize("metadata", [{}, {"payment": "nonsense"}, {"payment": "0" * 24}])
def test_an_intent_that_is_not_ours_is_ignored(success: dict, simulator: StripeSimulator, metadata: dict) -> None:
    foreign = {**success["data"]["object"], "id": "pi_foreign", "metadata": metadata}
    assert post_event(simulator.make_event(success["type"], foreign)).status_code == 200
    assert StripeEvent.objects.get().status == "ignored"
    assert Order.objects.get().payment_status == "unpaid"


def test_another_intent_that_names_our_payment_never_replaces_the_recorded_one(
    success: dict, simulator: StripeSimulator
) -> None:
    other = {**success["data"]["object"], "id": "pi_other"}
    assert post_event(simulator.make_event(success["type"], other)).status_code == 200
    assert StripeEvent.objects.get().status == "flagged"
    assert Payment.objects.get().intent == success["data"]["object"]["id"]
    assert Order.objects.get().payment_status == "unpaid"


def test_money_that_arrives_for_a_cancelled_order_is_refunded_exactly_once(
    as_customer: APIClient, number: str, success: dict, simulator: StripeSimulator
) -> None:
    Order.objects.update(status="cancelled", expires_at=None)
    twin = simulator.twin(success["id"])
    run_concurrently(*[lambda: post_event(success)] * 3, *[lambda: post_event(twin)] * 3)
    jobs.run_due()
    deliver(simulator)
    jobs.run_due()
    order = order_of(as_customer, number)
    assert (order["status"], order["payment_status"]) == ("cancelled", "refunded")
    assert [event for event, _ in events_of(order)] == ["placed", "paid", "refunded"]
    assert len(simulator.state()["refunds"]) == Refund.objects.count() == 1
    assert simulator.state()["refunds"][0]["amount"] == 1000


def test_only_stripe_posts_there(as_staff: APIClient) -> None:
    for method in ("get", "put", "patch", "delete"):
        assert refusal(getattr(as_staff, method)(f"{API}/payments/webhook/"), 405) == ("method_not_allowed", None)
