"""The mails of an order, as its page in the admin lists them."""

import smtplib
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from accounts.models import User
from catalog.models import Product
from orders.models import Order, ShippingMethod
from shop import jobs
from shop.dev.testing.admin import browser_of, ordered, url_of
from shop.dev.testing.steps import run_concurrently
from shop.jobs import Job
from shop.jobs.mails import Outcome

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(customer: User, make_product: Callable[..., Product], shipping: ShippingMethod) -> Order:
    return ordered(customer, make_product())


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


def statuses(order: Order) -> list[tuple[str, str]]:
    order.refresh_from_db()
    return [(each.event, each.status) for each in order.mails]


def work() -> None:
    Job.objects.update(run_at="2020-01-01T00:00:00Z")
    jobs.run_due()


def test_a_mail_is_queued_sent_and_sent_again(order: Order, browser: Client) -> None:
    url = url_of("orders.order", "resend_mail", order.pk)
    assert statuses(order) == [("placed", "queued")]
    browser.post(url, {"mail": str(order.mails[0].key)})
    # It waits already.
    assert len(statuses(order)) == 1
    work()
    assert statuses(order) == [("placed", "sent")]
    assert len(mail.outbox) == 1
    browser.post(url, {"mail": str(order.mails[0].key)})
    # A moment ago.
    assert len(statuses(order)) == 1

    Order.objects.filter(pk=order.pk).update(mails=[_earlier(order.mails[0])])
    posts = [lambda: browser_of(order_staff()).post(url, {"mail": str(order.mails[0].key)}) for _ in range(3)]
    run_concurrently(*posts)
    assert statuses(order) == [("placed", "sent"), ("placed", "queued")]
    work()
    assert statuses(order) == [("placed", "sent"), ("placed", "sent")]
    assert len(mail.outbox) == 2
    page = browser.get(url_of("orders.order", "change", order.pk)).content.decode()
    assert page.count("We have received your order") == 4


def order_staff() -> User:
    return User.objects.get(is_superuser=True)


def _earlier(row: Any) -> Any:
    row.at = "2020-01-01T00:00:00Z"
    return row


def test_a_preview_has_no_token_and_no_scripts(order: Order, browser: Client) -> None:
    Order.objects.filter(pk=order.pk).update(user=None)
    address = f"{url_of('orders.order', 'mail_preview', order.pk)}?mail={order.mails[0].key}"
    page = browser.get(address)
    assert order.number in page.content.decode()
    assert "token=" not in page.content.decode()
    assert "sandbox" in page["Content-Security-Policy"]
    Order.objects.filter(pk=order.pk).update(email="")
    assert "no longer applies" in browser.get(address).content.decode()
    browser.post(url_of("orders.order", "resend_mail", order.pk), {"mail": str(order.mails[0].key)})
    work()
    assert statuses(order) == [("placed", Outcome.OUTDATED)]


def test_what_the_mail_server_refuses_has_failed(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise smtplib.SMTPRecipientsRefused({"ada@example.com": (550, b"no such user")})

    with monkeypatch.context() as patch:
        patch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", refuse)
        work()
    assert statuses(order) == [("placed", "failed")]
