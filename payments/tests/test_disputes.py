"""Disputes."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Product
from orders.models import Order
from payments.models import StripeEvent
from shop import audit
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.stripe_simulator.errors import ApiError
from shop.dev.testing.admin import browser_of, url_of
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, dump_database, events_of, order_of, place_order, stock_of
from shop.dev.testing.stripe_steps import deliver, open_payment, pay, post_event

pytestmark = pytest.mark.django_db


@pytest.fixture
def product(make_product: Callable[..., Product]) -> Product:
    return make_product(price="10.00", stock=5)


@pytest.fixture
def intent(as_customer: APIClient, product: Product, simulator: StripeSimulator) -> str:
    return pay(as_customer, simulator, place_order(as_customer, product)["number"])["payment_intent"]


def order(client: APIClient) -> dict:
    (number,) = [each["number"] for each in client.get(f"{API}/orders/").json()["results"]]
    return order_of(client, number)


@pytest.mark.parametrize(
    ("won", "status", "event"), [(True, "paid", "dispute_won"), (False, "disputed", "dispute_lost")]
)
def test_a_dispute_and_its_decision_show_on_the_order(
    as_customer: APIClient,
    product: Product,
    intent: str,
    simulator: StripeSimulator,
    won: bool,
    status: str,
    event: str,
) -> None:
    dispute = simulator.dispute(intent)
    deliver(simulator)
    disputed = order(as_customer)
    assert (disputed["status"], disputed["payment_status"]) == ("completed", "disputed")
    assert events_of(disputed)[-1] == ("disputed", "stripe")

    simulator.close_dispute(dispute["id"], won=won)
    deliver(simulator)
    decided = order(as_customer)
    assert (decided["status"], decided["payment_status"]) == ("completed", status)
    assert events_of(decided)[2:] == [("disputed", "stripe"), (event, "stripe")]
    assert stock_of(product) == 4
    deliver(simulator)
    assert order(as_customer) == decided


def test_a_disputed_order_cannot_be_cancelled_by_its_customer(
    as_customer: APIClient, intent: str, simulator: StripeSimulator
) -> None:
    simulator.dispute(intent)
    deliver(simulator)
    reply = as_customer.post(f"{API}/orders/{order(as_customer)['number']}/cancel/", {})
    assert refusal(reply, 409) == ("order_not_cancellable", None)


def test_a_dispute_that_is_won_after_a_refund_in_part_leaves_the_refund(
    as_customer: APIClient, intent: str, simulator: StripeSimulator
) -> None:
    simulator.refund(intent, 400)
    dispute = simulator.dispute(intent, amount=600)
    deliver(simulator)
    assert order(as_customer)["payment_status"] == "disputed"
    simulator.close_dispute(dispute["id"], won=True)
    deliver(simulator)
    assert order(as_customer)["payment_status"] == "partially_refunded"


def test_of_two_disputes_each_has_to_be_won(as_customer: APIClient, intent: str, simulator: StripeSimulator) -> None:
    first, second = (
        {"id": f"du_{number}", "object": "dispute", "payment_intent": intent, "status": "needs_response"}
        for number in (1, 2)
    )
    post_event(simulator.make_event("charge.dispute.created", first))
    post_event(simulator.make_event("charge.dispute.closed", {**second, "status": "won"}))
    assert order(as_customer)["payment_status"] == "disputed"
    # The event of its beginning arrives after that of its end.
    post_event(simulator.make_event("charge.dispute.created", second))
    post_event(simulator.make_event("charge.dispute.closed", {**first, "status": "won"}))
    assert order(as_customer)["payment_status"] == "paid"


@pytest.mark.parametrize("ends", ["warning_closed", "prevented"])
def test_an_inquiry_that_comes_to_nothing_leaves_the_order_paid(
    as_customer: APIClient, intent: str, simulator: StripeSimulator, ends: str
) -> None:
    inquiry = {"id": "du_1", "object": "dispute", "payment_intent": intent, "status": "warning_needs_response"}
    post_event(simulator.make_event("charge.dispute.created", inquiry))
    assert order(as_customer)["payment_status"] == "disputed"
    post_event(simulator.make_event("charge.dispute.closed", {**inquiry, "status": ends}))
    assert order(as_customer)["payment_status"] == "paid"


@pytest.mark.parametrize("intent_id", ["pi_foreign", None])
def test_a_dispute_about_something_else_is_ignored(
    as_customer: APIClient, intent: str, simulator: StripeSimulator, intent_id: str | None
) -> None:
    foreign = {"id": "du_1", "object": "dispute", "payment_intent": intent_id, "status": "needs_response"}
    event = simulator.make_event("charge.dispute.created", foreign)
    assert post_event(event).status_code == 200
    assert StripeEvent.objects.get(pk=event["id"]).status == "ignored"
    assert order(as_customer)["payment_status"] == "paid"


def test_a_disputed_payment_is_refunded_only_after_the_dispute_is_won(
    as_customer: APIClient, as_staff: APIClient, intent: str, simulator: StripeSimulator
) -> None:
    refunds = f"{API}/payments/{order(as_customer)['payment']}/refunds/"
    dispute = simulator.dispute(intent)
    deliver(simulator)
    before = dump_database()
    for body in ({}, {"amount": "1.00"}, {"amount": "10.00", "reason": "Broken"}):
        assert refusal(as_staff.post(refunds, body), 409) == ("not_refundable", None)
    assert dump_database() == before
    assert simulator.state()["refunds"] == []

    simulator.close_dispute(dispute["id"], won=False)
    deliver(simulator)
    assert refusal(as_staff.post(refunds, {}), 409) == ("not_refundable", None)


def test_a_payment_whose_dispute_was_won_can_be_refunded(
    as_customer: APIClient, as_staff: APIClient, intent: str, simulator: StripeSimulator
) -> None:
    simulator.close_dispute(simulator.dispute(intent)["id"], won=True)
    deliver(simulator)
    reply = as_staff.post(f"{API}/payments/{order(as_customer)['payment']}/refunds/", {"amount": "4.00"})
    assert reply.status_code == 201


@pytest.mark.parametrize("card", [None, "pm_card_chargeDeclined"])
def test_a_dispute_that_is_won_before_the_payment_is_heard_of_does_not_make_the_order_paid(
    as_customer: APIClient, product: Product, simulator: StripeSimulator, card: str | None
) -> None:
    number = place_order(as_customer, product)["number"]
    intent = open_payment(as_customer, number)["payment_intent"]
    if card:
        with suppress(ApiError):
            simulator.pay(intent, card)
        deliver(simulator)
    before = order(as_customer)["payment_status"]
    simulator.pay(intent, "pm_card_visa")
    simulator.close_dispute(simulator.dispute(intent)["id"], won=True)
    deliver(simulator, "charge.dispute.created", "charge.dispute.closed")
    waiting = order(as_customer)
    assert (waiting["status"], waiting["payment_status"]) == ("pending", before)
    assert audit.violations() == []
    deliver(simulator)
    assert (order(as_customer)["status"], order(as_customer)["payment_status"]) == ("completed", "paid")
    assert audit.violations() == []


def test_staff_see_what_a_dispute_is_about_and_until_when(
    as_customer: APIClient, staff: User, intent: str, simulator: StripeSimulator
) -> None:
    """An outdated event that arrives later changes nothing."""
    dispute = simulator.dispute(intent, reason="product_not_received", amount=700)
    deliver(simulator)
    page = url_of("orders.order", "change", Order.objects.get().pk)
    shown = browser_of(staff).get(page).content.decode()
    due_by = timezone.localtime(datetime.fromtimestamp(dispute["evidence_details"]["due_by"], tz=UTC))
    for text in (
        "Dispute of 7.00 USD",
        "Product not received, needs response",
        f"Respond by {due_by:%-d %b %Y, %H:%M}",
        f"https://dashboard.stripe.com/test/disputes/{dispute['id']}",
    ):
        assert text in shown, text
    assert dispute["id"] not in str(order(as_customer))
    simulator.close_dispute(dispute["id"], won=True)
    deliver(simulator, "charge.dispute.closed")
    deliver(simulator, "charge.dispute.created")
    (entry,) = Order.objects.get().disputes
    assert (entry.status, entry.is_open) == ("won", False)
    shown = browser_of(staff).get(page).content.decode()
    assert "Product not received, won" in shown
    assert "Respond by" not in shown
