"""Mails about failed payments."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from catalog.models import Product
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.mails import html_of, minutes_pass, subjects, work
from shop.dev.testing.steps import place_order
from shop.dev.testing.stripe_steps import decline, deliver, pay
from shop.jobs import Job

pytestmark = pytest.mark.django_db


def test_a_failed_payment_sends_one_mail_if_no_other_succeeds(
    as_customer: APIClient, mug: Product, simulator: StripeSimulator
) -> None:
    number = place_order(as_customer, mug)["number"]
    for _ in range(3):
        decline(as_customer, simulator, number)
    deliver(simulator)
    assert work() == []
    minutes_pass()
    (mail,) = work()
    assert mail.subject == f"The payment for your order {number} failed"
    for text in (mail.body, html_of(mail)):
        assert "failed. You can try again until" in text
    assert not Job.objects.exists()


def test_a_payment_that_failed_and_then_succeeded_sends_the_paid_mail(
    as_customer: APIClient, mug: Product, simulator: StripeSimulator
) -> None:
    number = place_order(as_customer, mug)["number"]
    decline(as_customer, simulator, number)
    pay(as_customer, simulator, number)
    minutes_pass()
    assert subjects() == ["Your order … is paid"]


def test_failed_payments_count_against_the_limit_of_mails(
    as_customer: APIClient, mug: Product, simulator: StripeSimulator, settings: Any
) -> None:
    settings.RATE_LIMITS = True
    settings.RATE_LIMIT_RULES = {**settings.RATE_LIMIT_RULES, "mail_order_unverified": (2, 60)}
    number = place_order(as_customer, mug)["number"]
    sent = []
    for _ in range(4):
        decline(as_customer, simulator, number)
        minutes_pass()
        sent += subjects()
    assert sent == ["The payment for your order … failed"] * 2
