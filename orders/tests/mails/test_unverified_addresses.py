"""Mails to unverified addresses show nothing that the customer typed."""

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
from orders import expiry
from orders.models import Order, ShippingMethod
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.mails import html_of, link_in, minutes_pass, work
from shop.dev.testing.steps import ADDRESS, API, PARCEL, add_to_cart, place_order
from shop.dev.testing.stripe_steps import decline, pay
from shop.jobs.mails import kinds

pytestmark = pytest.mark.django_db


HTML = '<b onclick="x">Ada & Co</b>'


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
    decline(as_customer, simulator, place_order(as_customer, product)["number"])
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
        decline(client, simulator, order())
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
