"""Mails about orders: each is sent once and shows the order as it was placed, without data of others."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Product
from conftest import client_of
from orders import services
from orders.events import Actor
from orders.models import Order, ShippingMethod
from payments.models import Payment
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.failures import failing
from shop.dev.testing.mails import html_of, minutes_pass, subjects, work
from shop.dev.testing.steps import ADDRESS, API, PARCEL, add_to_cart, place_order, run_concurrently
from shop.dev.testing.stripe_steps import pay
from shop.jobs import Job

pytestmark = pytest.mark.django_db


def test_an_order_sends_five_mails(
    customer: User, as_customer: APIClient, as_staff: APIClient, mug: Product, simulator: StripeSimulator
) -> None:
    User.objects.filter(pk=customer.pk).update(email_verified=True)
    number = place_order(as_customer, mug, 2)["number"]
    assert work() == []
    minutes_pass()
    (placed,) = work()
    pay(as_customer, simulator, number)
    (paid,) = work()
    assert as_staff.post(f"{API}/orders/{number}/fulfil/", PARCEL).status_code == 200
    (shipped,) = work()
    payment = Payment.objects.get()
    assert as_staff.post(f"{API}/payments/{payment.pk}/refunds/", {"amount": "3.00"}).status_code == 201
    (refunded,) = work()
    assert as_staff.post(f"{API}/orders/{number}/fulfil/", {"status": "delivered"}).status_code == 200
    (delivered,) = work()

    for mail in (placed, paid, shipped, refunded, delivered):
        assert mail.recipients() == [customer.email]
        assert number in mail.subject
        for text in (mail.body, html_of(mail)):
            for said in ("Mug", "blue, L", "12.50", "25.00", "Standard", "4.90", "29.90 USD", "St James", "Kingdom"):
                assert said in text.replace("&#x27;", "'"), said
            assert f"http://localhost:3000/orders/{number}" in text
    assert "your items are reserved until then" in placed.body
    assert "29.90 USD" in paid.body.partition("Order")[0]
    for text in (shipped.body, html_of(shipped)):
        assert "DHL" in text
        assert "JD014600003SE" in text
    for text in (refunded.body, html_of(refunded)):
        assert "We have refunded 3.00 USD." in text
    assert not Job.objects.exists()


def test_a_mail_says_where_to_collect_the_order_and_to_whom_it_is_billed(
    as_customer: APIClient, mug: Product, customer: User, simulator: StripeSimulator
) -> None:
    User.objects.filter(pk=customer.pk).update(email_verified=True)
    place = {"pickup_line1": "Am Markt 3", "pickup_city": "Bonn", "pickup_postal_code": "53111", "pickup_country": "DE"}
    ShippingMethod.objects.create(code="bonn", name="Collect in Bonn", price="0", is_pickup=True, **place)
    office = {**ADDRESS, "company": "Analytical Engines", "tax_id": "GB 980 7806 84"}
    order = place_order(as_customer, mug, shipping_method="bonn", billing_address=office)
    pay(as_customer, simulator, order["number"])
    (paid,) = work()
    for text in (paid.body, html_of(paid)):
        for said in ("Pick up at", "Am Markt 3", "53111 Bonn", "Billing address", "Analytical Engines", "980780684"):
            assert said in text, said


def test_an_order_paid_at_once_sends_one_mail(as_customer: APIClient, mug: Product, simulator: StripeSimulator) -> None:
    number = place_order(as_customer, mug)["number"]
    Product.objects.update(name="Cup")
    pay(as_customer, simulator, number)
    (paid,) = work()
    # As it was bought then.
    assert "1 x Mug (blue, L)" in paid.body
    assert "We have received your payment" in paid.body
    minutes_pass()
    assert work() == []
    assert not Job.objects.exists()


def test_no_mail_asks_to_pay_a_cancelled_or_expired_order(
    as_customer: APIClient, mug: Product, simulator: StripeSimulator
) -> None:
    cancelled, expired = (place_order(as_customer, mug)["number"] for _ in range(2))
    assert as_customer.post(f"{API}/orders/{cancelled}/cancel/", {}).status_code == 200
    Order.objects.filter(number=expired).update(expires_at=timezone.now() - timedelta(seconds=1))
    minutes_pass()
    # Its hold is over, though the worker has not cancelled it yet.
    assert subjects() == ["Your order … is cancelled"]


def test_a_processing_payment_is_mentioned_and_not_requested(as_customer: APIClient, mug: Product) -> None:
    place_order(as_customer, mug)
    services.mark_processing(order_id=Order.objects.get().pk)
    minutes_pass()
    (mail,) = work()
    for text in (mail.body, html_of(mail)):
        assert "Your payment is being processed." in text
        assert "Please pay" not in text


def test_times_are_those_of_the_shops_time_zone(as_customer: APIClient, mug: Product, settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    place_order(as_customer, mug)
    moment = timezone.now().replace(hour=20, minute=30) + timedelta(days=1)
    Order.objects.update(expires_at=moment, created_at=moment - timedelta(days=1))
    minutes_pass()
    (mail,) = work()
    for text in (mail.body, html_of(mail)):
        assert "05:30 JST" in text
        assert f"placed on {timezone.localtime(moment - timedelta(days=1)):%-d %B %Y}" in text
        assert "UTC" not in text


def test_an_order_that_is_not_placed_sends_no_mail(as_customer: APIClient, mug: Product) -> None:
    assert as_customer.post(f"{API}/orders/", {"shipping_address": ADDRESS}).status_code == 400
    add_to_cart(as_customer, mug)
    body = {"shipping_address": ADDRESS, "expected_total": "1.00"}
    assert as_customer.post(f"{API}/orders/", body).status_code == 409
    assert not Job.objects.exists()


def test_an_order_placed_at_the_second_attempt_sends_one_mail(as_customer: APIClient, mug: Product) -> None:
    with failing("commitTransaction", errorCode=112, errorLabels=["TransientTransactionError"]):
        place_order(as_customer, mug)
    minutes_pass()
    assert len(work()) == Order.objects.count() == 1


def test_an_order_whose_mail_cannot_be_written_down_is_not_placed(as_customer: APIClient, mug: Product) -> None:
    add_to_cart(as_customer, mug)
    with failing("insert", Job, errorCode=8000):
        assert as_customer.post(f"{API}/orders/", {"shipping_address": ADDRESS}).status_code == 500
    assert not Order.objects.exists()


def test_a_replayed_checkout_and_two_at_once_send_one_mail(customer: User, mug: Product) -> None:
    client = client_of(customer)
    add_to_cart(client, mug)

    def place() -> Any:
        return client_of(customer).post(
            f"{API}/orders/", {"shipping_address": ADDRESS}, headers={"Idempotency-Key": "one"}
        )

    run_concurrently(*[place] * 4)
    assert place().status_code == 201
    minutes_pass()
    assert len(work()) == 1


def test_an_order_of_zero_sends_one_mail_that_does_not_ask_to_pay(
    as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    place_order(as_customer, make_product(price="0.00"))
    (mail,) = work()
    assert "0.00 USD" in mail.body
    assert "pay" not in mail.body


def test_what_waits_to_be_sent_holds_ids_and_nothing_of_a_person(
    customer: User, as_customer: APIClient, mug: Product, simulator: StripeSimulator
) -> None:
    User.objects.update(name="Countess Lovelace")
    number = place_order(as_customer, mug)["number"]
    pay(as_customer, simulator, number)
    waiting = [job.payload for job in Job.objects.filter(kind="orders.mail").order_by("id")]
    assert [set(payload) for payload in waiting] == [{"mail", "order", "event"}] * 2
    for personal in (customer.email, "Lovelace", "London", number):
        assert personal not in str(waiting)


def test_the_pending_mails_of_deleted_users_are_dropped(
    as_customer: APIClient, as_staff: APIClient, number: str, simulator: StripeSimulator
) -> None:
    pay(as_customer, simulator, number)
    assert as_customer.delete(f"{API}/users/me/").status_code == 204
    assert as_staff.post(f"{API}/orders/{number}/fulfil/", PARCEL).status_code == 200
    assert Job.objects.filter(kind="orders.mail").count() == 2
    assert work() == []
    assert not Job.objects.exists()


def test_a_deactivated_account_still_gets_the_shipping_mail(
    customer: User, as_customer: APIClient, as_staff: APIClient, number: str, simulator: StripeSimulator
) -> None:
    pay(as_customer, simulator, number)
    work()
    User.objects.filter(pk=customer.pk).update(is_active=False)
    assert as_staff.post(f"{API}/orders/{number}/fulfil/", PARCEL).status_code == 200
    assert subjects() == ["Your order … is on its way"]


def test_a_mail_goes_to_the_address_of_today(customer: User, number: str) -> None:
    services.cancel_order(order=Order.objects.get(), actor=Actor.STAFF)
    User.objects.filter(pk=customer.pk).update(email="countess@example.com")
    (mail,) = work()
    assert mail.recipients() == ["countess@example.com"]
