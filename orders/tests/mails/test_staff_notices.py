"""Mails to staff about paid orders."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from catalog.models import Product
from orders.models import ShippingMethod
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.mails import html_of, minutes_pass, subjects, work
from shop.dev.testing.steps import place_order
from shop.dev.testing.stripe_steps import deliver, pay
from shop.jobs import Job

pytestmark = pytest.mark.django_db


def test_staff_get_a_mail_of_each_paid_order(
    as_customer: APIClient,
    mug: Product,
    make_product: Callable[..., Product],
    simulator: StripeSimulator,
    settings: Any,
) -> None:
    settings.ORDER_NOTICE_EMAILS = ["desk@example.com", "boss@example.com"]
    number = place_order(as_customer, mug, 2, note="Ring twice")["number"]
    minutes_pass()
    assert subjects() == ["We have received your order …"]
    pay(as_customer, simulator, number)
    deliver(simulator)
    mails = {mail.recipients()[0]: mail for mail in work()}
    assert set(mails) == {"ada@example.com", *settings.ORDER_NOTICE_EMAILS}
    notice = mails["desk@example.com"]
    assert notice.subject == f"New order {number}"
    for text in (notice.body, html_of(notice)):
        for said in (number, "Mug", "blue, L", "MUG-B", "29.90 USD", "United Kingdom"):
            assert said in text
        for personal in ("Ada", "St James", "Ring twice"):
            assert personal not in text
    ShippingMethod.objects.create(code="free", name="Free", price="0")
    free = place_order(as_customer, make_product(price="0.00"), shipping_method="free")
    assert free["total"] == "0.00"
    assert subjects().count("New order …") == 2


def test_without_addresses_staff_get_no_mail_and_a_removed_address_gets_none(
    as_customer: APIClient, mug: Product, simulator: StripeSimulator, settings: Any
) -> None:
    settings.ORDER_NOTICE_EMAILS = ["former@example.com"]
    pay(as_customer, simulator, place_order(as_customer, mug)["number"])
    settings.ORDER_NOTICE_EMAILS = []
    assert subjects() == ["Your order … is paid"]
    pay(as_customer, simulator, place_order(as_customer, mug)["number"])
    assert Job.objects.filter(kind="orders.staff_mail").count() == 0
