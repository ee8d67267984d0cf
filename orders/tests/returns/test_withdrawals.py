"""Withdrawals: before and after shipping, beside refunds, disputes and cancellations."""

from decimal import Decimal

import pytest
from rest_framework.test import APIClient

from catalog.models import Product
from orders.models import Order
from payments.models import Payment
from shop import audit
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.mails import work
from shop.dev.testing.replies import refusal
from shop.dev.testing.returns import answer, request, returns_url, ship, ship_quietly
from shop.dev.testing.steps import API, dump_database, order_of, run_concurrently, stock_of
from shop.dev.testing.stripe_steps import deliver

pytestmark = pytest.mark.django_db


def test_a_withdrawal_is_previewed_confirmed_and_never_rejected(
    as_customer: APIClient, as_staff: APIClient, order: dict, mug: Product, simulator: StripeSimulator
) -> None:
    """Two units are not shipped, and are cancelled at once; the third has to come back."""
    ship(as_staff, order, 1)
    before = dump_database()
    preview = request(as_customer, order, 3, path="preview/", withdrawal=True)
    assert preview.status_code == 200, preview.content
    assert preview.json()["expected_refund"] == "34.90"
    assert preview.json()["refunds_shipping"] is True
    assert dump_database() == before
    made = request(as_customer, order, 3, withdrawal=True)
    assert made.status_code == 201, made.content
    assert [line["unshipped"] for line in made.json()["lines"]] == [2]
    (mail,) = work()
    assert mail.subject == f"We have received your withdrawal from order {order['number']}"
    at = Order.objects.get().returns[0].created_at
    assert f"on {at:%-d %B %Y} at {at:%H:%M}" in mail.body
    assert stock_of(mug) == 4
    shown = order_of(as_customer, order["number"])
    assert (shown["fulfilment_status"], shown["lines"][0]["cancelled"]) == ("shipped", 2)
    assert refusal(answer(as_staff, order, made, "reject", answer="No"), 409)[0] == "withdrawal_not_rejectable"
    assert answer(as_staff, order, made, "approve").json()["status"] == "approved"
    received = answer(as_staff, order, made, "receive").json()
    assert (received["status"], received["refund"]["amount"]) == ("refunded", "34.90")
    assert stock_of(mug) == 4
    assert order_of(as_customer, order["number"])["payment_status"] == "refunded"
    assert audit.violations() == []


def test_a_withdrawal_before_shipping_is_refunded_when_it_is_approved(
    as_customer: APIClient, as_staff: APIClient, order: dict, mug: Product, simulator: StripeSimulator
) -> None:
    assert refusal(request(as_customer, order, 1), 409) == ("units_not_returnable", "lines.0.quantity")
    made = request(as_customer, order, 1, withdrawal=True)
    assert made.json()["expected_refund"] == "10.00"
    # Its refund would be made twice.
    assert refusal(as_customer.post(f"{API}/orders/{order['number']}/cancel/"), 409)[0] == "order_not_cancellable"
    approved = answer(as_staff, order, made, "approve").json()
    assert (approved["status"], approved["refund"]["amount"]) == ("refunded", "10.00")
    assert stock_of(mug) == 3
    assert as_customer.post(f"{API}/orders/{order['number']}/cancel/").status_code == 200
    work()
    assert stock_of(mug) == 5
    assert sum(each["amount"] for each in simulator.state()["refunds"]) == Payment.objects.get().amount
    assert audit.violations() == []


def test_a_withdrawal_after_a_refund_of_an_amount_refunds_what_is_left(
    as_customer: APIClient, as_staff: APIClient, order: dict, simulator: StripeSimulator
) -> None:
    reply = as_staff.post(f"{API}/payments/{order['payment']}/refunds/", {"amount": "16.00"})
    assert reply.status_code == 201
    two = request(as_customer, order, 2, withdrawal=True)
    one = request(as_customer, order, 1, withdrawal=True)
    # Of 20.00, and of 10.00 with the shipping.
    assert (two.json()["expected_refund"], one.json()["expected_refund"]) == ("18.90", "14.90")
    approved = answer(as_staff, order, two, "approve").json()
    assert (approved["status"], approved["refund"]["amount"]) == ("refunded", "18.90")
    approved = answer(as_staff, order, one, "approve").json()
    assert (approved["status"], approved["refund"]) == ("refunded", None)
    assert order_of(as_customer, order["number"])["payment_status"] == "refunded"
    assert not Order.objects.with_open_returns().exists()
    assert audit.violations() == []


def test_a_withdrawal_during_a_dispute_is_approved_without_a_refund(
    as_customer: APIClient, as_staff: APIClient, order: dict, simulator: StripeSimulator
) -> None:
    made = request(as_customer, order, 1, withdrawal=True)
    simulator.dispute(Payment.objects.get().intent)
    deliver(simulator)
    assert refusal(answer(as_staff, order, made, "approve"), 409)[0] == "not_refundable"
    received = answer(as_staff, order, made, "approve", refund=False).json()
    assert (received["status"], received["refund"]) == ("received", None)
    assert not Order.objects.with_open_returns().exists()
    assert audit.violations() == []


def test_the_rest_is_cancelled_beside_an_open_withdrawal(
    as_customer: APIClient, as_staff: APIClient, order: dict, mug: Product, simulator: StripeSimulator
) -> None:
    ship(as_staff, order, 1)
    made = request(as_customer, order, 1, withdrawal=True)
    reply = as_staff.post(f"{API}/orders/{order['number']}/cancel-unshipped/")
    assert reply.status_code == 200, reply.content
    (line,) = reply.json()["lines"]
    assert (reply.json()["fulfilment_status"], line["cancelled"], line["refunded"]) == ("shipped", 2, 1)
    assert stock_of(mug) == 4
    assert answer(as_staff, order, made, "approve").json()["refund"]["amount"] == "10.00"
    assert order_of(as_staff, order["number"])["net_total"] == "14.90"
    assert stock_of(mug) == 4
    assert audit.violations() == []


def test_return_refund_dispute_and_cancellation_race_to_one_state(
    as_customer: APIClient, as_staff: APIClient, order: dict, mug: Product, simulator: StripeSimulator
) -> None:
    line = {"line": order["lines"][0]["id"], "quantity": 1, "restock": True}
    payment = Payment.objects.get()
    simulator.dispute(payment.intent, amount=100)
    run_concurrently(
        *[lambda: request(as_customer, order, 1, withdrawal=True) for _ in range(3)],
        *[lambda: as_staff.post(f"{API}/payments/{payment.pk}/refunds/", {"lines": [line]}) for _ in range(2)],
        lambda: as_customer.post(f"{API}/orders/{order['number']}/cancel/"),
        lambda: ship_quietly(as_staff, order),
        lambda: deliver(simulator, "charge.dispute.created"),
    )
    requested = Order.objects.get().returns
    run_concurrently(
        *[
            lambda key=each.key: as_staff.post(returns_url(order, f"{key}/approve/"))
            for each in requested
            for _ in range(2)
        ],
        lambda: as_customer.post(f"{API}/orders/{order['number']}/cancel/"),
    )
    deliver(simulator)
    work()
    row = Order.objects.get()
    (ordered,) = row.lines
    held = 0 if row.status == "cancelled" else ordered.quantity - ordered.restocked
    assert stock_of(mug) == 5 - held
    assert ordered.cancelled + ordered.fulfilled <= 3
    assert Decimal(sum(each["amount"] for each in simulator.state()["refunds"])) <= payment.amount
    assert audit.violations() == []
