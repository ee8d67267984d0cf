"""Whatever happens twice is mailed once."""

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from conftest import client_of
from orders import expiry, services
from orders.events import Actor
from orders.models import Order
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.mails import html_of, subjects, work
from shop.dev.testing.steps import API, run_concurrently
from shop.dev.testing.stripe_steps import deliver, events, open_payment, pay, post_event
from shop.jobs import Job

pytestmark = pytest.mark.django_db


def test_a_payment_reported_repeatedly_by_stripe_sends_one_mail(
    as_customer: APIClient, number: str, simulator: StripeSimulator
) -> None:
    simulator.pay(open_payment(as_customer, number)["payment_intent"])
    (success,) = events(simulator, "payment_intent.succeeded")
    twin = simulator.twin(success["id"])
    run_concurrently(*[lambda: post_event(success)] * 4, *[lambda: post_event(twin)] * 4)
    deliver(simulator)
    deliver(simulator)
    assert subjects() == ["Your order … is paid"]


def test_a_refund_reported_repeatedly_by_stripe_sends_one_mail(
    as_customer: APIClient, as_staff: APIClient, number: str, simulator: StripeSimulator
) -> None:
    payment = pay(as_customer, simulator, number)
    for _ in range(2):
        assert as_staff.post(f"{API}/payments/{payment['id']}/refunds/", {"amount": "3.00"}).status_code == 201
    for _ in range(2):
        deliver(simulator)
    # Each of two refunds is mailed.
    assert subjects() == ["Your order … is paid", *["A refund for your order …"] * 2]


def test_a_failed_refund_sends_no_mail(
    as_customer: APIClient, as_staff: APIClient, number: str, simulator: StripeSimulator
) -> None:
    payment = pay(as_customer, simulator, number)
    work()
    assert as_staff.post(f"{API}/payments/{payment['id']}/refunds/", {"amount": "3.00"}).status_code == 201
    order = Order.objects.get()
    services.record_refund(
        order_id=order.pk,
        refund=order.refunds[0].refund,
        amount=order.refunds[0].amount,
        status="failed",
        actor=Actor.STRIPE,
    )
    assert work() == []
    assert not Job.objects.exists()


def test_cancelling_twice_at_once_sends_one_mail(customer: User, number: str) -> None:
    cancel = f"{API}/orders/{number}/cancel/"
    run_concurrently(*[lambda: client_of(customer).post(cancel, {"reason": "Changed my mind"})] * 4)
    (mail,) = work()
    assert mail.subject == f"Your order {number} is cancelled"
    assert "Changed my mind" not in mail.message().as_string()
    assert "will be refunded" not in mail.body


def test_a_cancelled_order_that_was_paid_says_that_the_money_goes_back(
    as_customer: APIClient, number: str, simulator: StripeSimulator
) -> None:
    pay(as_customer, simulator, number)
    work()
    assert as_customer.post(f"{API}/orders/{number}/cancel/", {}).status_code == 200
    cancelled, refunded = work()
    assert "will be refunded" in cancelled.body
    assert "will be refunded" in html_of(cancelled)
    assert "We have refunded 29.90 USD." in refunded.body


def test_an_expired_order_sends_the_cancelled_mail_with_the_reason(number: str, simulator: StripeSimulator) -> None:
    Order.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    expiry.expire_due_orders()
    expiry.expire_due_orders()
    (mail,) = work()
    assert mail.subject == f"Your order {number} is cancelled"
    assert "It was not paid in time." in mail.body


def test_a_late_payment_sends_the_refund_mail_and_never_the_paid_mail(
    as_customer: APIClient, number: str, simulator: StripeSimulator
) -> None:
    simulator.pay(open_payment(as_customer, number)["payment_intent"])
    Order.objects.update(status="cancelled", expires_at=None)
    deliver(simulator)
    deliver(simulator)
    assert subjects() == ["A refund for your order …"]
