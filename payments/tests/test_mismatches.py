"""Payments that do not match their order never pay it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from catalog.models import Product
from orders import expiry
from orders.models import Order
from payments import gateway
from payments.models import Payment, StripeEvent
from shop import audit, jobs
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.stripe_simulator import intents as at_stripe
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, order_of, place_order, stock_of
from shop.dev.testing.stripe_steps import deliver, open_payment, pay

pytestmark = pytest.mark.django_db


@pytest.fixture
def product(make_product: Callable[..., Product]) -> Product:
    return make_product(price="10.00", stock=5)


@pytest.fixture
def number(as_customer: APIClient, product: Product) -> str:
    return place_order(as_customer, product)["number"]


def change_amount(simulator: StripeSimulator, intent: str, amount: int) -> None:
    """Change the amount as anyone with the account's key could."""
    with simulator.account.session() as session:
        at_stripe.update(session, {"amount": amount}, intent)


@pytest.fixture
def paid_wrong(as_customer: APIClient, number: str, simulator: StripeSimulator) -> str:
    """The intent of an order over 10.00 that received 9.00."""
    intent = open_payment(as_customer, number)["payment_intent"]
    change_amount(simulator, intent, 900)
    simulator.pay(intent)
    deliver(simulator)
    assert Order.objects.get().flagged
    return intent


def sent_back(simulator: StripeSimulator, intent: str) -> None:
    simulator.refund(intent)


def disputed_and_lost(simulator: StripeSimulator, intent: str) -> None:
    simulator.close_dispute(simulator.dispute(intent)["id"], won=False)


def nothing(simulator: StripeSimulator, intent: str) -> None:
    pass


@pytest.mark.parametrize("then", [nothing, sent_back, disputed_and_lost])
def test_an_order_that_was_paid_wrong_still_expires(
    as_customer: APIClient,
    product: Product,
    number: str,
    paid_wrong: str,
    simulator: StripeSimulator,
    then: Callable[[StripeSimulator, str], None],
) -> None:
    then(simulator, paid_wrong)
    deliver(simulator)
    jobs.run_due()
    Order.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert expiry.expire_due_orders().expired == 1
    assert (order_of(as_customer, number)["status"], stock_of(product)) == ("cancelled", 5)
    assert Payment.objects.get().refundable == 0
    assert audit.violations() == []


def test_a_second_intent_that_was_paid_for_the_same_order_is_flagged_and_changes_nothing(
    as_customer: APIClient, as_staff: APIClient, number: str, simulator: StripeSimulator
) -> None:
    pay(as_customer, simulator, number)
    before = order_of(as_staff, number)
    metadata = {"payment": str(Payment.objects.get().pk), "order": number}
    second = gateway.create_intent(amount=1000, currency="usd", metadata=metadata, details={}, key="another")
    simulator.pay(second["id"])
    deliver(simulator)
    event = StripeEvent.objects.get(status="flagged")
    assert event.payload["data"]["object"]["id"] == second["id"]
    after = order_of(as_staff, number)
    (flag,) = [entry for entry in after.pop("timeline") if entry not in before["timeline"]]
    assert (flag["event"], second["id"] in flag["detail"]) == ("flagged", True)
    assert {**after, "updated_at": ""} == {**{name: before[name] for name in after}, "updated_at": ""}
    assert Payment.objects.get().amount_received == 1000


def test_an_intent_that_is_found_and_does_not_match_is_not_handed_out(
    as_customer: APIClient, number: str, simulator: StripeSimulator
) -> None:
    simulator.fail("lose_answer", method="POST", prefix="/v1/payment_intents")
    assert as_customer.post(f"{API}/payments/", {"order": number}).status_code == 503
    simulator.clear_faults()
    gateway.circuit.close()
    (intent,) = simulator.state()["payment_intents"]
    change_amount(simulator, intent["id"], 900)
    Payment.objects.update(created_at=timezone.now() - timedelta(hours=2))
    reply: Any = as_customer.post(f"{API}/payments/", {"order": number})
    assert refusal(reply, 409) == ("order_not_payable", None)
    assert Order.objects.get().flagged


def test_an_order_whose_intent_is_found_and_does_not_match_is_cancelled_with_it(
    as_customer: APIClient, product: Product, number: str, simulator: StripeSimulator
) -> None:
    simulator.fail("lose_answer", method="POST", prefix="/v1/payment_intents")
    assert as_customer.post(f"{API}/payments/", {"order": number}).status_code == 503
    simulator.clear_faults()
    gateway.circuit.close()
    (intent,) = simulator.state()["payment_intents"]
    change_amount(simulator, intent["id"], 900)
    reply = as_customer.post(f"{API}/orders/{number}/cancel/", {})
    assert (reply.status_code, reply.json().get("status")) == (200, "cancelled")
    assert [each["status"] for each in simulator.state()["payment_intents"]] == ["canceled"]
    assert (stock_of(product), Order.objects.get().flagged) == (5, True)


def test_a_cancel_after_more_went_back_than_came_in_sends_nothing_more(
    as_customer: APIClient, as_staff: APIClient, number: str, simulator: StripeSimulator
) -> None:
    payment = pay(as_customer, simulator, number)
    simulator.fail("refuse", prefix="/v1/refunds", method="POST")
    assert as_staff.post(f"{API}/payments/{payment['id']}/refunds/", {"amount": "10.00"}).status_code == 201
    simulator.refund(payment["payment_intent"], 400)
    deliver(simulator)
    assert as_customer.post(f"{API}/orders/{number}/cancel/", {}).status_code == 200
    reply = as_staff.post(f"{API}/payments/{payment['id']}/refunds/", {"amount": "1.00"})
    assert reply.json()["errors"][0]["detail"] == "At most 0.00 can be refunded."
    simulator.clear_faults()
    jobs.Job.objects.update(run_at=timezone.now())
    jobs.run_due()
    assert [refund["amount"] for refund in simulator.state()["refunds"]] == [400]
