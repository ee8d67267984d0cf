"""Limits of mails per mailbox: enough for a customer, few for an unverified address."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from rest_framework.test import APIClient

from accounts import services
from accounts.models import User
from catalog.models import Product
from conftest import PASSWORD, client_of
from orders.models import Order, ShippingMethod
from shop import jobs
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.failures import failing
from shop.dev.testing.mails import link_in, minutes_pass, work
from shop.dev.testing.smtp import mail_server
from shop.dev.testing.steps import ADDRESS, API, add_to_cart, run_concurrently
from shop.dev.testing.stripe_steps import pay
from shop.dev.testing.tasks import due_again
from shop.jobs import Job, mails
from shop.jobs.email_addresses import mailbox_of

pytestmark = pytest.mark.django_db

PERSON = {"password": PASSWORD, "name": "Person"}
MAIL_RULES = [f"{scope}{state}" for scope in mails.Budget for state in ("", "_unverified")]


@pytest.fixture(autouse=True)
def limited(settings: Any, shipping: ShippingMethod) -> None:
    """The real mail limits, in windows so long that no test reaches a second one; requests are not limited."""
    rules = settings.RATE_LIMIT_RULES
    settings.RATE_LIMITS = True
    settings.RATE_LIMIT_RULES = {
        scope: (most if scope in MAIL_RULES else 10_000, 10**9) for scope, (most, _) in rules.items()
    }


@pytest.fixture
def mug(make_product: Callable[..., Product]) -> Product:
    return make_product("Mug", price="12.50", stock=1000)


def register(email: str) -> APIClient:
    reply = client_of().post(f"{API}/auth/register/", {**PERSON, "email": email})
    assert reply.status_code == 201, reply.content
    client = client_of()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {reply.json()['access']}")
    return client


def order(client: APIClient, product: Product) -> str:
    add_to_cart(client, product)
    reply = client.post(f"{API}/orders/", {"shipping_address": ADDRESS})
    assert reply.status_code == 201, reply.content
    return reply.json()["number"]


def order_and_cancel(client: APIClient, product: Product) -> None:
    assert client.post(f"{API}/orders/{order(client, product)}/cancel/").status_code == 200


def test_a_stranger_is_not_bombed_by_orders_that_are_cancelled(mug: Product, caplog: pytest.LogCaptureFixture) -> None:
    client = register("victim@example.com")
    for _ in range(10):
        order_and_cancel(client, mug)
    minutes_pass()
    assert len(work()) == 1 + 6
    assert not Job.objects.exists()
    assert caplog.text.count("mail_over_limit") == 4
    assert "victim" not in caplog.text
    assert Order.objects.filter(status="cancelled").count() == 10


def test_a_stranger_is_not_bombed_by_accounts_that_are_deleted_and_opened_again() -> None:
    for _ in range(10):
        client = register("victim@example.com")
        for _ in range(5):
            assert client.post(f"{API}/auth/email/verify/").status_code == 202
        assert len(work()) <= 4
        assert client.delete(f"{API}/users/me/").status_code == 204
    client = register("victim@example.com")
    assert work() == []
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    "addresses",
    [
        [f"name+{n}@example.com" for n in range(10)],
        ["gm.ail@gmail.com", "g.mail@gmail.com", "gmail@googlemail.com", "g.m.a.i.l+x@gmail.com", "gmail@gmail.com"],
    ],
)
def test_all_addresses_of_one_mailbox_count_together(addresses: list[str]) -> None:
    for address in addresses:
        register(address)
    assert len(work()) == 4
    assert User.objects.count() == len(addresses)


def test_addresses_of_other_mailboxes_count_separately() -> None:
    addresses = ["first.last@example.com", "firstlast@example.com", "firstlast@example.org", "+a@example.com"]
    for _ in range(2):
        for address in addresses:
            User.objects.filter(email=address).delete()
            register(address)
        assert len(work()) == 4
    assert len({mailbox_of(address) for address in addresses}) == 4


def test_everything_that_a_stranger_can_cause_at_once_is_few(mug: Product) -> None:
    password = PASSWORD
    for n in range(3):
        email = f"victim+{n}@example.com"
        client = register(email)
        for step in range(4):
            order_and_cancel(client, mug)
            client.post(f"{API}/auth/email/verify/")
            client.post(f"{API}/auth/password/reset/", {"email": email})
            change = {"old_password": password, "new_password": f"{PASSWORD}-{n}-{step}"}
            assert client.post(f"{API}/auth/password/change/", change).status_code == 204
            password = change["new_password"]
            tokens = client_of().post(f"{API}/auth/login/", {"email": email, "password": password}).json()
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens['access']}")
        password = PASSWORD
    minutes_pass()
    # About registrations, orders and changed passwords, and links for a new one.
    assert len(work()) <= 10 + 3 + 3
    assert not Job.objects.exists()


def test_a_customer_who_orders_several_times_a_day_gets_every_mail(
    make_user: Callable[..., User], as_staff: APIClient, mug: Product, simulator: StripeSimulator
) -> None:
    client = client_of(make_user(email="ada@example.com", email_verified=True))
    for _ in range(8):
        number = order(client, mug)
        pay(client, simulator, number)
        assert as_staff.post(f"{API}/orders/{number}/fulfil/", {"status": "shipped"}).status_code == 200
    assert len(work()) == 16


def test_a_new_customer_gets_every_mail_of_their_first_orders(
    as_staff: APIClient, mug: Product, simulator: StripeSimulator
) -> None:
    client = register("ada@example.com")
    for _ in range(3):
        number = order(client, mug)
        pay(client, simulator, number)
        assert as_staff.post(f"{API}/orders/{number}/fulfil/", {"status": "shipped"}).status_code == 200
    assert len(work()) == 1 + 6


def test_mails_of_one_kind_do_not_use_up_the_vital_ones(
    mug: Product, as_staff: APIClient, simulator: StripeSimulator
) -> None:
    client = register("ada@example.com")
    for _ in range(6):
        client.post(f"{API}/auth/email/verify/")
        order_and_cancel(client, mug)
    work()
    number = order(client, mug)
    pay(client, simulator, number)
    assert as_staff.post(f"{API}/orders/{number}/fulfil/", {"status": "shipped"}).status_code == 200
    assert client.post(f"{API}/auth/password/reset/", {"email": "ada@example.com"}).status_code == 202
    sent = work()
    news = [f"Your order {number} is paid", "Choose a new password", f"Your order {number} is on its way"]
    assert [each.subject for each in sent] == news
    assert link_in(sent[1], "reset-password")


def test_strangers_accounts_at_a_mailbox_use_up_nothing_of_its_verified_owner(
    make_user: Callable[..., User], mug: Product
) -> None:
    owner = make_user(email="ada@example.com", email_verified=True)
    for n in range(5):
        stranger = register(f"ada+{n}@example.com")
        for _ in range(3):
            order_and_cancel(stranger, mug)
            stranger.post(f"{API}/auth/password/reset/", {"email": f"ada+{n}@example.com"})
    work()
    order(client_of(owner), mug)
    client_of().post(f"{API}/auth/password/reset/", {"email": owner.email})
    minutes_pass()
    assert [each.recipients() for each in work()] == [[owner.email]] * 2


# --- Counting ---------------------------------------------------------------------------------------------------------


def test_a_mail_that_is_tried_again_counts_once(customer: User, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RATE_LIMIT_RULES["mail_link_unverified"] = (2, 10**9)
    monkeypatch.setattr(mails, "_server", mails._Server())
    with mail_server(settings) as server:
        server.answers["rcpt"] = "452 mailbox full"
        for _ in range(2):
            services.send_verification(user=customer)
        for _ in range(5):
            due_again()
            jobs.run_due()
        assert Job.objects.count() == 2
        server.answers.clear()
        due_again()
        jobs.run_due()
        assert len(server.taken) == 2
    assert not Job.objects.exists()


def test_workers_at_once_never_pass_a_limit(customer: User) -> None:
    for _ in range(12):
        services.send_verification(user=customer)
    run_concurrently(*[jobs.run_due] * 4)
    assert len(mail.outbox) == 4
    assert not Job.objects.exists()


def test_a_mail_over_the_limit_whose_job_cannot_be_ended_is_not_tried_for_ever(customer: User) -> None:
    for _ in range(4):
        services.send_verification(user=customer)
    assert len(work()) == 4
    services.send_verification(user=customer)
    with failing("delete", Job, errorCode=8000):
        jobs.run_due()
    assert Job.objects.get().attempts == 1
    due_again()
    # Indistinguishable from a process that died between counting and sending: one mail at most.
    assert len(work()) <= 1
    assert not Job.objects.exists()


def test_without_rate_limits_nothing_is_counted(customer: User, settings: Any) -> None:
    settings.RATE_LIMITS = False
    for _ in range(10):
        services.send_verification(user=customer)
    assert len(work()) == 10


def test_every_mail_has_a_rule(settings: Any) -> None:
    assert set(MAIL_RULES) <= set(settings.RATE_LIMIT_RULES)
    assert {scope for scope in settings.RATE_LIMIT_RULES if scope.startswith("mail_")} == set(MAIL_RULES)
    for scope in MAIL_RULES:
        if not scope.endswith("_unverified"):
            assert settings.RATE_LIMIT_RULES[f"{scope}_unverified"][0] <= settings.RATE_LIMIT_RULES[scope][0]
