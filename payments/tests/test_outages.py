"""Stripe is unreachable, slow, wrong or silent: the order stays payable, and there is never a second intent."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Product
from conftest import client_of
from payments import gateway
from payments.models import Payment
from shop.api.idempotency import IdempotencyRecord
from shop.db.transactions import transactional
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.replies import refusal
from shop.dev.testing.server import shop_server
from shop.dev.testing.steps import API, events_of, order_of, place_order, run_concurrently
from shop.dev.testing.stripe_steps import deliver, open_payment, pay

pytestmark = pytest.mark.django_db

PAYMENTS = f"{API}/payments/"
OUTAGES: list[dict[str, Any]] = [
    {"kind": "refuse"},
    {"kind": "rate_limit"},
    {"kind": "garbage"},
    {"kind": "lose_answer"},
    {"kind": "server_error", "stored": False},
    {"kind": "server_error", "stored": True},
    {"kind": "server_error", "stored": True, "acts": True},
    {"kind": "black_hole"},
    {"kind": "black_hole", "acts": True},
]


def name_of(outage: dict[str, Any]) -> str:
    return "-".join(str(value) if name == "kind" else name * bool(value) for name, value in outage.items())


@pytest.fixture
def number(as_customer: APIClient, make_product: Callable[..., Product], settings: Any) -> str:
    """The number of an order, in a shop with short timeouts."""
    settings.STRIPE_TIMEOUT_SECONDS = 1.0
    as_customer.raise_request_exception = False
    return place_order(as_customer, make_product(price="10.00"))["number"]


@pytest.mark.parametrize("outage", OUTAGES, ids=name_of)
def test_an_outage_is_a_503_and_a_later_try_ends_with_exactly_one_intent(
    as_customer: APIClient, number: str, simulator: StripeSimulator, outage: dict[str, Any], settings: Any
) -> None:
    simulator.fail(**outage, method="POST")
    before = order_of(as_customer, number)

    reply = as_customer.post(PAYMENTS, {"order": number})

    assert refusal(reply, 503) == ("payment_service_unavailable", None)
    assert int(reply["Retry-After"]) >= 1
    after = order_of(as_customer, number)
    assert after["payment"] == str(Payment.objects.get().pk)
    # The customer is about to pay: the stock is held for the full time.
    placed, held_until = (datetime.fromisoformat(after[name]) for name in ("created_at", "expires_at"))
    assert held_until - placed == timedelta(seconds=settings.ORDER_HOLD_SECONDS)
    assert {**after, "payment": None, "expires_at": before["expires_at"]} == before

    simulator.clear_faults()
    payment = open_payment(as_customer, number)
    assert payment["client_secret"].startswith(payment["payment_intent"])
    assert [intent["id"] for intent in simulator.state()["payment_intents"]] == [payment["payment_intent"]]
    assert Payment.objects.count() == 1
    pay(as_customer, simulator, number)
    assert order_of(as_customer, number)["payment_status"] == "paid"


@pytest.mark.parametrize("kind", ["refuse", "lose_answer", "black_hole"])
def test_a_hiccup_is_not_noticed(as_customer: APIClient, number: str, simulator: StripeSimulator, kind: Any) -> None:
    simulator.fail(kind, method="POST", times=1)
    assert as_customer.post(PAYMENTS, {"order": number}).status_code == 201
    assert len(simulator.state()["payment_intents"]) == 1


@pytest.mark.parametrize("acts", [False, True])
def test_a_failure_that_stripe_keeps_repeating_is_left_behind_under_another_key(
    as_customer: APIClient, number: str, simulator: StripeSimulator, acts: bool
) -> None:
    simulator.fail("server_error", method="POST", times=1, stored=True, acts=acts)
    assert as_customer.post(PAYMENTS, {"order": number}).status_code == 503
    spent = {row["key"] for row in simulator.state()["idempotency_keys"]}
    assert Payment.objects.get().idempotency_key not in spent
    # Asked at the same moment, all find or make the same one.
    clients = [client_of(User.objects.get()) for _ in range(5)]
    replies = run_concurrently(*[lambda c=client: c.post(PAYMENTS, {"order": number}) for client in clients])
    assert {reply.status_code for reply in replies} <= {200, 201}
    assert len(simulator.state()["payment_intents"]) == 1


def test_a_silence_never_changes_the_key(as_customer: APIClient, number: str, simulator: StripeSimulator) -> None:
    for kind in ("refuse", "lose_answer", "black_hole", "rate_limit", "garbage"):
        simulator.fail(kind, method="POST", prefix="/v1/payment_intents")
        assert as_customer.post(PAYMENTS, {"order": number}).status_code == 503
        simulator.clear_faults()
    simulator.fail("server_error", method="POST", prefix="/v1/payment_intents", stored=False)
    assert as_customer.post(PAYMENTS, {"order": number}).status_code == 503
    payment = Payment.objects.get()
    assert payment.idempotency_key == f"payment-{payment.pk}"
    assert len(simulator.state()["payment_intents"]) == 1


def test_an_intent_is_looked_for_before_an_old_call_is_repeated(
    as_customer: APIClient, number: str, simulator: StripeSimulator
) -> None:
    simulator.fail("lose_answer", method="POST", prefix="/v1/payment_intents")
    assert as_customer.post(PAYMENTS, {"order": number}).status_code == 503
    simulator.clear_faults()
    # Stripe has deleted the key by then.
    simulator.account.store.rows("DELETE FROM idempotency_keys")
    Payment.objects.update(created_at=timezone.now() - timedelta(hours=2))
    payment = open_payment(as_customer, number)
    assert [intent["id"] for intent in simulator.state()["payment_intents"]] == [payment["payment_intent"]]


def test_an_event_supplies_the_intent_whose_answer_was_lost(
    as_customer: APIClient, number: str, simulator: StripeSimulator
) -> None:
    simulator.fail("lose_answer", method="POST", prefix="/v1/payment_intents")
    assert as_customer.post(PAYMENTS, {"order": number}).status_code == 503
    simulator.clear_faults()
    (intent,) = simulator.state()["payment_intents"]
    assert Payment.objects.get().intent == ""
    simulator.pay(intent["id"])
    deliver(simulator, "payment_intent.succeeded")
    assert Payment.objects.get().intent == intent["id"]
    order = order_of(as_customer, number)
    assert (order["status"], order["payment_status"]) == ("completed", "paid")
    assert events_of(order) == [("placed", "customer"), ("paid", "stripe")]


def test_a_cancel_finds_the_intent_whose_answer_was_lost(
    as_customer: APIClient, number: str, simulator: StripeSimulator
) -> None:
    simulator.fail("lose_answer", method="POST", prefix="/v1/payment_intents")
    assert as_customer.post(PAYMENTS, {"order": number}).status_code == 503
    simulator.clear_faults()
    assert as_customer.post(f"{API}/orders/{number}/cancel/", {}).status_code == 200
    assert [intent["status"] for intent in simulator.state()["payment_intents"]] == ["canceled"]


def test_with_its_real_patience_the_shop_answers_in_time_and_frees_the_key(
    as_customer: APIClient, number: str, simulator: StripeSimulator, settings: Any
) -> None:
    settings.STRIPE_TIMEOUT_SECONDS = 3.0
    simulator.fail("black_hole")
    clients = [client_of(User.objects.get()) for _ in range(3)]
    for n, client in enumerate(clients):
        client.raise_request_exception = False
        client.credentials(**client._credentials, HTTP_IDEMPOTENCY_KEY=f"key-{n}")
    replies = run_concurrently(*[lambda c=client: c.post(PAYMENTS, {"order": number}) for client in clients])
    assert [refusal(reply, 503)[0] for reply in replies] == ["payment_service_unavailable"] * 3
    assert not IdempotencyRecord.objects.exists()


@pytest.mark.slow
def test_a_crowd_that_wants_to_pay_while_stripe_is_silent_is_answered_in_time(
    as_customer: APIClient, number: str, simulator: StripeSimulator, tmp_path: Path
) -> None:
    headers = {"Authorization": as_customer._credentials["HTTP_AUTHORIZATION"]}
    with shop_server(log=tmp_path / "web.log", STRIPE_API_BASE=simulator.url) as server:

        def open_payment() -> int:
            return requests.post(
                f"{server.url}{PAYMENTS}", json={"order": number}, headers=headers, timeout=10
            ).status_code

        simulator.fail("black_hole")
        # Several times as many as the server has threads.
        with ThreadPoolExecutor(40) as crowd:
            assert set(crowd.map(lambda _: open_payment(), range(40))) == {503}
        simulator.clear_faults()
        assert open_payment() in (200, 201)
        assert {open_payment() for _ in range(3)} == {200}
    assert len(simulator.state()["payment_intents"]) == 1


def test_the_patience_of_the_settings_leaves_time_for_the_database(settings: Any) -> None:
    tries = 1 + settings.STRIPE_MAX_RETRIES
    assert settings.STRIPE_TIMEOUT_SECONDS == 3.0
    # The contract answers within 10 s; the database needs some of them as well.
    assert tries * settings.STRIPE_TIMEOUT_SECONDS + 0.5 < 10 - 2


def test_stripe_is_never_called_inside_a_transaction(simulator: StripeSimulator) -> None:
    @transactional("tests.calls")
    def call() -> None:
        gateway.retrieve_intent("pi_1")

    with pytest.raises(RuntimeError, match="inside a transaction"):
        call()
    assert not simulator.counters()["calls"]
