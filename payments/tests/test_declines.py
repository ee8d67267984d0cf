"""Failed payment attempts: a few are normal, many are card testing."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient
from structlog.testing import capture_logs

from accounts.models import User
from catalog.models import Product
from conftest import client_of
from orders.models import Order
from payments.models import Payment
from shop import audit, jobs
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.stripe_simulator.errors import ApiError
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, order_of, place_order, stock_of
from shop.dev.testing.stripe_steps import deliver, events, open_payment, post_event
from shop.dev.testing.tasks import run_task
from shop.jobs import retention, timing

pytestmark = pytest.mark.django_db

DECLINED = "pm_card_chargeDeclined"


@pytest.fixture
def product(make_product: Callable[..., Product]) -> Product:
    return make_product(stock=50)


@pytest.fixture
def limits(settings: Any) -> Any:
    settings.RATE_LIMITS = True
    settings.RATE_LIMIT_RULES = dict.fromkeys(settings.RATE_LIMIT_RULES, (10**6, 3600))
    return settings


def decline(simulator: StripeSimulator, intent: str, times: int) -> None:
    """Let this many attempts fail, and deliver the event of each."""
    for _ in range(times):
        with suppress(ApiError):
            simulator.pay(intent, DECLINED)


def work() -> None:
    while jobs.run_due():
        pass


def open_new(client: APIClient, product: Product) -> tuple[str, str]:
    """Return an order's number and its PaymentIntent."""
    number = place_order(client, product)["number"]
    return number, open_payment(client, number)["payment_intent"]


def test_an_honest_customer_whose_card_is_declined_four_times_pays_with_another_one(
    as_customer: APIClient, product: Product, simulator: StripeSimulator, limits: Any
) -> None:
    number, intent = open_new(as_customer, product)
    decline(simulator, intent, 4)
    for _ in range(3):
        deliver(simulator)
        work()
    # Each attempt counts once, however often Stripe reports it.
    assert Payment.objects.get().declines == 4
    assert open_payment(as_customer, number)["payment_intent"] == intent
    simulator.pay(intent)
    deliver(simulator)
    work()
    order = order_of(as_customer, number)
    assert (order["status"], order["payment_status"]) == ("completed", "paid")
    assert Order.objects.get().flagged is False


@pytest.mark.parametrize("order_of_events", ["as they happened", "backwards", "twice"])
def test_an_order_with_too_many_failed_attempts_is_cancelled_and_its_intent_closed(
    as_customer: APIClient, product: Product, simulator: StripeSimulator, order_of_events: str
) -> None:
    number, intent = open_new(as_customer, product)
    decline(simulator, intent, 12)
    heard = events(simulator)
    if order_of_events == "backwards":
        heard.reverse()
    with capture_logs() as lines:
        for event in heard * (2 if order_of_events == "twice" else 1):
            assert post_event(event).status_code == 200
        work()
        deliver(simulator)
        work()

    order = order_of(as_customer, number)
    assert (order["status"], order["expires_at"]) == ("cancelled", None)
    assert [entry["detail"] for entry in order["timeline"] if entry["event"] == "cancelled"] == [
        "Too many failed payment attempts."
    ]
    assert [each["status"] for each in simulator.state()["payment_intents"]] == ["canceled"]
    assert stock_of(product) == 50
    assert Order.objects.get().has_open_flag
    assert [line["order"] for line in lines if line["event"] == "card_testing_suspected"] == [number]
    assert refusal(as_customer.post(f"{API}/payments/", {"order": number}), 409)[0] == "order_not_payable"
    assert audit.violations() == []


def test_a_payment_that_succeeds_before_the_order_is_stopped_is_kept(
    as_customer: APIClient, product: Product, simulator: StripeSimulator
) -> None:
    number, intent = open_new(as_customer, product)
    decline(simulator, intent, 9)
    deliver(simulator)
    work()
    decline(simulator, intent, 1)
    simulator.pay(intent)
    # Only the tenth failed attempt is delivered; the answer to the cancellation reports the others.
    deliver(simulator, "payment_intent.payment_failed")
    assert order_of(as_customer, number)["status"] == "completed"
    work()
    deliver(simulator)
    order = order_of(as_customer, number)
    assert (order["status"], order["payment_status"]) == ("completed", "paid")
    assert audit.violations() == []


def test_a_customer_with_too_many_failed_attempts_opens_no_further_payment(
    as_customer: APIClient, as_stranger: APIClient, product: Product, simulator: StripeSimulator, limits: Any
) -> None:
    limits.FAILED_PAYMENTS_PER_CUSTOMER = 6
    first, intent = open_new(as_customer, product)
    decline(simulator, intent, 4)
    second, other_intent = open_new(as_customer, product)
    decline(simulator, other_intent, 2)
    deliver(simulator)
    work()
    # The order on which the limit was reached is stopped, too.
    assert [order_of(as_customer, number)["status"] for number in (first, second)] == ["pending", "cancelled"]
    reply = as_customer.post(f"{API}/payments/", {"order": first})
    assert refusal(reply, 429)[0] == "too_many_failed_payments"
    assert 3500 < int(reply["Retry-After"]) <= 3600
    open_new(as_stranger, product)

    Payment.objects.update(last_declined_at="2020-01-01T00:00:00Z")
    open_payment(as_customer, first)


def test_a_network_address_with_too_many_failed_attempts_opens_no_further_payment(
    make_user: Callable[..., User], product: Product, simulator: StripeSimulator, limits: Any
) -> None:
    limits.FAILED_PAYMENTS_PER_ADDRESS = 6
    for _ in range(3):
        _, intent = open_new(client_of(make_user()), product)
        decline(simulator, intent, 2)
    deliver(simulator)
    client = client_of(make_user())
    number = place_order(client, product)["number"]
    assert refusal(client.post(f"{API}/payments/", {"order": number}), 429)[0] == "too_many_failed_payments"
    assert client.post(f"{API}/payments/", {"order": number}, REMOTE_ADDR="203.0.113.9").status_code == 201
    # Orders are not stopped because of other customers.
    assert set(Order.objects.values_list("status", flat=True)) == {"pending"}


def test_payments_opened_before_an_address_reaches_its_limit_can_be_tried_a_few_times_only(
    make_user: Callable[..., User], product: Product, simulator: StripeSimulator, limits: Any
) -> None:
    limits.FAILED_PAYMENTS_PER_ADDRESS = 6
    opened = [open_new(client_of(make_user()), product) for _ in range(4)]
    elsewhere = client_of(make_user())
    number = place_order(elsewhere, product)["number"]
    reply = elsewhere.post(f"{API}/payments/", {"order": number}, REMOTE_ADDR="203.0.113.9")
    opened.append((number, reply.json()["payment_intent"]))
    for times, (_, intent) in zip((3, 3, 2, 3, 4), opened, strict=True):
        decline(simulator, intent, times)
        deliver(simulator)
        work()
    states = [Order.objects.get(number=number).status for number, _ in opened]
    assert states == ["pending", "cancelled", "pending", "cancelled", "pending"]
    assert audit.violations() == []


def test_the_digest_of_an_address_goes_when_its_attempts_do_not_count_any_more(
    as_customer: APIClient,
    product: Product,
    simulator: StripeSimulator,
    limits: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (old, _), (recent, intent) = open_new(as_customer, product), open_new(as_customer, product)
    decline(simulator, intent, 1)
    deliver(simulator)
    Payment.objects.filter(order_number=old).update(updated_at=timezone.now() - timedelta(days=2))
    assert [
        f"{Payment.objects.get(order_number=old)} has a network address digest" in line for line in audit.violations()
    ] == [True]
    run_task("payments.forget_networks")
    assert [each.order_number for each in Payment.objects.exclude(opened_from="")] == [recent]
    monkeypatch.setattr(retention, "BATCH", 1)
    monkeypatch.setattr(timing, "SLICE_SECONDS", 0.0)
    Payment.objects.update(opened_from="digest", updated_at=timezone.now() - timedelta(days=2))
    assert run_task("payments.forget_networks") == 2
    assert not Payment.objects.exclude(opened_from="").exists()
    assert audit.violations() == []
