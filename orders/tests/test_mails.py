"""Mails about orders: each is sent once and shows the order as it was placed, without data of others."""

import contextlib
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Product
from conftest import client_of
from orders import expiry, services
from orders.events import Actor
from orders.models import Order, ShippingMethod
from payments.models import Payment
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.stripe_simulator.errors import ApiError
from shop.dev.testing.failures import failing
from shop.dev.testing.mails import html_of, link_in, minutes_pass, work
from shop.dev.testing.steps import ADDRESS, API, add_to_cart, place_order, run_concurrently
from shop.dev.testing.stripe_steps import deliver, events, open_payment, pay, post_event
from shop.jobs import Job
from shop.jobs.mails import kinds

pytestmark = pytest.mark.django_db

PARCEL = {"status": "shipped", "carrier": "DHL", "tracking_number": "JD014600003SE"}
HTML = '<b onclick="x">Ada & Co</b>'


def subjects() -> list[str]:
    """Return the subjects of the mails that a worker sends now; "…" replaces the order's number."""
    return [re.sub(r"\w{5}-\w{5}", "…", mail.subject) for mail in work()]


@pytest.fixture
def mug(make_product: Callable[..., Product], shipping: ShippingMethod) -> Product:
    options = [{"sku": "MUG-B", "options": {"colour": "blue", "size": "L"}, "price": "12.50", "stock": 9}]
    return make_product("Mug", variants=options)


@pytest.fixture
def number(as_customer: APIClient, mug: Product) -> str:
    """The number of an order of two mugs, whose mail is sent."""
    number = place_order(as_customer, mug, 2)["number"]
    minutes_pass()
    assert subjects() == ["We have received your order …"]
    return number


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


# --- Failed payments and staff ----------------------------------------------------------------------------------------


def fail(client: APIClient, simulator: StripeSimulator, number: str) -> None:
    payment = open_payment(client, number)
    with contextlib.suppress(ApiError):
        simulator.pay(payment["payment_intent"], "pm_card_chargeDeclined")
    deliver(simulator)


def test_a_failed_payment_sends_one_mail_if_no_other_succeeds(
    as_customer: APIClient, mug: Product, simulator: StripeSimulator
) -> None:
    number = place_order(as_customer, mug)["number"]
    for _ in range(3):
        fail(as_customer, simulator, number)
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
    fail(as_customer, simulator, number)
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
        fail(as_customer, simulator, number)
        minutes_pass()
        sent += subjects()
    assert sent == ["The payment for your order … failed"] * 2


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


# --- Once -------------------------------------------------------------------------------------------------------------


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


# --- Who --------------------------------------------------------------------------------------------------------------


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


# --- What is in them --------------------------------------------------------------------------------------------------


def test_user_input_is_escaped_and_nothing_is_loaded_from_elsewhere(
    customer: User,
    as_customer: APIClient,
    as_staff: APIClient,
    make_product: Callable[..., Product],
    shipping: ShippingMethod,
    simulator: StripeSimulator,
) -> None:
    User.objects.filter(pk=customer.pk).update(name=HTML, email_verified=True)
    ShippingMethod.objects.update(name=HTML)
    variant = {"sku": "X", "options": {"colour": HTML}, "price": "5.00", "stock": 9}
    product = make_product(HTML, variants=[variant])
    address = {**ADDRESS, "name": HTML, "line1": HTML}
    number = place_order(as_customer, product, shipping_address=address)["number"]
    pay(as_customer, simulator, number)
    shipped = {"status": "shipped", "carrier": HTML, "tracking_number": HTML}
    assert as_staff.post(f"{API}/orders/{number}/fulfil/", shipped).status_code == 200
    second = place_order(as_customer, product)["number"]
    pay(as_customer, simulator, second)
    assert as_staff.post(f"{API}/orders/{second}/cancel/", {"reason": HTML}).status_code == 200
    as_customer.post(f"{API}/auth/email/verify/")
    as_customer.post(f"{API}/auth/password/reset/", {"email": customer.email})
    place_order(as_customer, product)
    fail(as_customer, simulator, place_order(as_customer, product)["number"])
    minutes_pass()

    mails = work()

    assert len(mails) == 8
    for mail in mails:
        assert HTML not in mail.subject
        assert mail.body.startswith(f"Hello {HTML},")
        assert "&" not in mail.body.replace("Ada & Co", "").replace("&token=", "")
        html = html_of(mail)
        assert "onclick=&quot;x&quot;" in html
        assert "<b" not in html.replace("<body", "").replace("<br>", "")
        assert not re.search(r"<(script|img|link|style|iframe|object)|src=|url\(|@import", html)
        assert set(re.findall(r'href="(http://[^/"]*)', html)) == {"http://localhost:3000"}


# --- Unverified addresses ---------------------------------------------------------------------------------------------

TYPED = "You won, see evil.example\nand call"
# Every kind of mail; a new one is added here and to the life below.
KINDS = {
    "accounts.welcome_mail",
    "accounts.verification_mail",
    "accounts.reset_mail",
    "accounts.invitation_mail",
    "accounts.new_password_mail",
    "accounts.staff_reset_mail",
    "accounts.email_change_mail",
    "accounts.email_change_notice",
    "accounts.email_changed_mail",
    "orders.mail",
    "orders.link_mail",
    "orders.staff_mail",
    "shop.webhook_disabled",
}


@pytest.fixture
def everything_typed(
    anonymous: APIClient, as_staff: APIClient, mug: Product, simulator: StripeSimulator, settings: Any
) -> Callable[..., list[Any]]:
    """Let a customer who types the same words into every field cause every kind of mail; return the mails."""

    settings.ORDER_NOTICE_EMAILS = ["desk@example.com"]

    def live(*, proven: bool) -> list[Any]:
        person = {"email": "victim@example.com", "password": "correct-horse-battery", "name": TYPED}
        assert anonymous.post(f"{API}/auth/register/", person).status_code == 201
        user = User.objects.get(email=person["email"])
        User.objects.filter(pk=user.pk).update(email_verified=proven)
        client = client_of(user)
        assert client.post(f"{API}/auth/email/verify/").status_code == 202
        assert client.post(f"{API}/auth/password/reset/", {"email": user.email}).status_code == 202
        typed = {**dict.fromkeys(("name", "line1", "line2", "city", "state"), TYPED), "postal_code": "evil.example"}
        body = {"shipping_address": {**typed, "country": "DE", "phone": "+49 666 1234"}, "note": TYPED}

        def order() -> str:
            add_to_cart(client, mug)
            reply = client.post(f"{API}/orders/", body)
            assert reply.status_code == 201, reply.content
            return reply.json()["number"]

        def cancel(number: str, by: APIClient, reason: str) -> None:
            assert by.post(f"{API}/orders/{number}/cancel/", {"reason": reason}).status_code == 200

        sold = order()
        payment = pay(client, simulator, sold)
        assert as_staff.post(f"{API}/orders/{sold}/fulfil/", PARCEL).status_code == 200
        assert as_staff.post(f"{API}/payments/{payment['id']}/refunds/", {"amount": "3.00"}).status_code == 201
        paid = order()
        pay(client, simulator, paid)
        lost = {"number": paid, "email": user.email}
        assert anonymous.post(f"{API}/orders/lookup/", lost).status_code == 202
        cancel(paid, client, TYPED)
        cancel(order(), client, TYPED)
        cancel(order(), as_staff, "Out of\n\n stock")
        order()
        fail(client, simulator, order())
        minutes_pass()
        mails = work()
        Order.objects.filter(status="pending").update(expires_at=timezone.now() - timedelta(seconds=1))
        expiry.expire_due_orders()
        change = {"old_password": person["password"], "new_password": "another-horse-battery"}
        assert client.post(f"{API}/auth/password/change/", change).status_code == 204
        mails += work()
        change = {"email": "new@example.com", "password": "another-horse-battery"}
        assert client_of(User.objects.get(pk=user.pk)).post(f"{API}/auth/email/change/", change).status_code == 202
        question, notice = work()
        link = link_in(question, "change-email")
        assert anonymous.post(f"{API}/auth/email/change/confirm/", link).status_code == 204
        return [*mails, question, notice, *work()]

    return live


def source_of(mail: Any) -> str:
    """Return headers, text and HTML, decoded and without breaks of lines."""
    return " ".join(f"{dict(mail.message().items())} {mail.body} {html_of(mail)}".split())


def test_until_the_address_is_proven_no_mail_shows_what_the_customer_typed(
    everything_typed: Callable[..., list[Any]],
) -> None:
    mails = everything_typed(proven=False)
    assert len(mails) == 4 + 3 + 12 + 2 + 1
    for mail in mails:
        to_staff = mail.recipients() == ["desk@example.com"]
        for typed in ("You won", "evil.example", "and call", "666 1234", *([] if to_staff else ["Germany"])):
            assert typed not in source_of(mail), mail.subject
        assert mail.body.startswith("Hello,\n")
        asked = mail.subject == "Confirm your new e-mail address"
        assert to_staff or mail.recipients() == ["new@example.com" if asked else "victim@example.com"]
    ordered = [mail for mail in mails if "your order" in mail.subject.lower()]
    assert len(ordered) == 12
    # Product names come from the shop, and this reason from staff.
    assert all("Mug (blue, L)" in mail.body for mail in ordered)
    assert sum("Reason: Out of stock" in mail.body for mail in ordered) == 1
    assert sum("Reason:" in mail.body for mail in ordered) == 3


def test_a_proven_customer_sees_their_name_and_address_and_never_their_own_reason(
    everything_typed: Callable[..., list[Any]],
) -> None:
    mails = everything_typed(proven=True)
    assert len(mails) == 3 + 3 + 12 + 2 + 1
    # These mails have no salutation, because the reader may not be the customer.
    mails = [mail for mail in mails if "e-mail address" not in mail.subject or "Confirm your e" in mail.subject]
    mails = [mail for mail in mails if not mail.subject.startswith("New order")]
    sold = Order.objects.order_by("pk")[0].number
    for mail in mails:
        assert mail.body.startswith("Hello You won, see evil.example and call,\n")
        assert "You won" not in str(mail.message().items())
        assert ("Germany" in mail.body) == ("Germany" in html_of(mail))
        if mail.subject.endswith("is cancelled"):
            # In the two greetings, and nowhere else.
            assert source_of(mail).count("evil.example") == 2
    assert all("Germany" in mail.body for mail in mails if sold in mail.subject)


def test_every_kind_of_mail_is_among_those() -> None:
    assert set(kinds) == KINDS
