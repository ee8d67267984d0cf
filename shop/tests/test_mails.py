"""Delivery of mails: at least once, recognisable when repeated, without blocking other work."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from django.core.management import call_command
from django.utils import timezone

from accounts import services
from accounts.models import User
from catalog.services import count_sales
from shop import jobs
from shop.dev.mongod import free_port
from shop.dev.testing.failures import failing
from shop.dev.testing.mails import work
from shop.dev.testing.smtp import MailServer, mail_server
from shop.dev.testing.tasks import due_again
from shop.jobs import Job, mails

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def a_server_that_was_never_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mails, "_server", mails._Server())


@pytest.fixture
def server(settings: Any) -> Iterator[MailServer]:
    with mail_server(settings) as server:
        yield server


def ask(user: User) -> None:
    """Enqueue a mail; this one verifies an address."""
    services.send_verification(user=user)


def half_a_minute_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause after an outage is over, and every job is due."""
    monkeypatch.setattr(mails, "_server", mails._Server())
    due_again()


def test_a_mail_reaches_the_mail_server_as_text_and_html(customer: User, server: MailServer, settings: Any) -> None:
    settings.DEFAULT_FROM_EMAIL = "Ünique Goods <hello@goods.example>"
    settings.SHOP_NAME = "Ünique Goods"
    ask(customer)
    jobs.run_due()

    (mail,) = server.taken
    assert not Job.objects.exists()
    assert mail["To"] == "ada@example.com"
    assert mail["From"].endswith("<hello@goods.example>")
    assert mail["Subject"] == "Confirm your e-mail address"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"].endswith("@goods.example>")
    parts = [part.get_content_type() for part in mail.get_payload()]
    assert parts == ["text/plain", "text/html"]
    for part in mail.get_payload():
        assert "Ünique Goods" in part.get_payload(decode=True).decode()


def test_a_mail_that_is_sent_twice_has_the_same_message_id(customer: User, server: MailServer) -> None:
    ask(customer)
    # The mail server has accepted it, but the end of the job is not recorded.
    with failing("delete", Job, errorCode=8000):
        jobs.run_due()
    assert len(server.taken) == 1
    due_again()
    jobs.run_due()
    ask(customer)
    jobs.run_due()

    first, copy, another = (mail["Message-ID"] for mail in server.taken)
    assert first == copy != another
    assert not Job.objects.exists()


def test_workers_at_once_send_each_mail_once(customer: User, server: MailServer) -> None:
    from shop.dev.testing.steps import run_concurrently

    for _ in range(6):
        ask(customer)
    run_concurrently(*[jobs.run_due] * 4)
    assert len({mail["Message-ID"] for mail in server.taken}) == len(server.taken) == 6


@pytest.mark.parametrize(("noop", "connections"), [("250 fine", 1), ("421 idle for too long", 3)])
def test_the_mails_of_a_turn_share_a_connection_while_the_server_keeps_it(
    customer: User, server: MailServer, noop: str, connections: int
) -> None:
    server.answers["noop"] = noop
    for _ in range(3):
        ask(customer)
    with mails.one_connection():
        jobs.run_due()
    assert (len(server.taken), server.connections) == (3, connections)
    assert not Job.objects.exists()


# --- Outages ----------------------------------------------------------------------------------------------------------


def nothing_listens(server: MailServer, settings: Any) -> None:
    settings.EMAIL_PORT = free_port()


def it_does_not_answer(server: MailServer, settings: Any) -> None:
    server.silent.add("greeting")


def it_shuts_down(server: MailServer, settings: Any) -> None:
    server.answers["greeting"] = "421 not now"


def its_logins_are_out_of_order(server: MailServer, settings: Any) -> None:
    server.answers["auth"] = "454 try again"


@pytest.mark.parametrize(
    "outage",
    [nothing_listens, it_does_not_answer, it_shuts_down, its_logins_are_out_of_order],
)
def test_mails_wait_for_a_mail_server_that_is_away_and_nothing_else_does(
    customer: User,
    server: MailServer,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    outage: Any,
) -> None:
    settings.EMAIL_TIMEOUT = 0.3
    port = settings.EMAIL_PORT
    outage(server, settings)
    for _ in range(20):
        ask(customer)
    count_sales.enqueue(quantities={})

    assert jobs.run_due() == 21

    # One of them tried; no attempt is counted, so no outage is long enough to lose them.
    assert server.connections <= 1
    assert set(Job.objects.values_list("kind", "attempts")) == {("accounts.verification_mail", 0)}
    assert Job.objects.count() == 20
    assert jobs.run_due() == 0

    settings.EMAIL_PORT = port
    server.silent.clear()
    server.answers.clear()
    half_a_minute_later(monkeypatch)
    assert jobs.run_due() == 20
    assert len(server.taken) == 20
    assert not Job.objects.exists()


def test_a_mail_whose_answer_is_lost_is_not_sent_again_without_end(
    customer: User, server: MailServer, settings: Any
) -> None:
    settings.EMAIL_TIMEOUT = 0.3
    server.silent.add("message")
    ask(customer)
    jobs.run_due()
    assert jobs.run_due() == 0
    due_again()
    jobs.run_due()
    assert len({mail["Message-ID"] for mail in server.taken}) == 1
    assert len(server.taken) == Job.objects.get().attempts == 2


def test_a_failed_quit_does_not_send_a_mail_again(customer: User, server: MailServer) -> None:
    server.answers["quit"] = "x" * 10_000
    ask(customer)
    jobs.run_due()
    assert len(server.taken) == 1
    assert not Job.objects.exists()


# --- Refusals ---------------------------------------------------------------------------------------------------------


def test_a_mailbox_that_does_not_exist_is_given_up_without_a_complaint(
    customer: User, server: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.answers["rcpt"] = "550 <ada@example.com>: no such mailbox"
    ask(customer)
    assert jobs.run_due() == 1
    assert not Job.objects.exists()
    assert "550" in caplog.text
    assert "ada@example.com" not in caplog.text
    call_command("audit", verbosity=0)


@pytest.mark.parametrize("answer", ["550 5.1.1 ada@example.com is unknown", "552 5.2.2 the mailbox is full"])
def test_a_mailbox_that_is_refused_with_the_message_is_given_up_at_once(
    customer: User, server: MailServer, caplog: pytest.LogCaptureFixture, answer: str
) -> None:
    server.answers["message"] = answer
    ask(customer)
    assert jobs.run_due() == 1
    assert not Job.objects.exists()
    assert "mail_refused" in caplog.text
    assert "ada@example.com" not in caplog.text


@pytest.mark.parametrize(
    "address",
    [
        "ada@nowhere.invalid",
        "ada@localhost",
        "ada@💩.com",
        "ada@xn--a.com",
        "adä@example.com",
        "ada@exa mple.com",
        "ada",
    ],
)
def test_an_address_that_can_never_get_mail_is_given_up_without_a_call(
    customer: User, server: MailServer, caplog: pytest.LogCaptureFixture, address: str
) -> None:
    User.objects.update(email=address)
    ask(customer)
    assert jobs.run_due() == 1
    assert not Job.objects.exists()
    assert (server.taken, server.connections) == ([], 0)
    assert "mail_undeliverable" in caplog.text
    assert address not in caplog.text


def test_a_mailbox_that_is_full_is_asked_again_for_a_day(customer: User, server: MailServer) -> None:
    server.answers["rcpt"] = "452 mailbox full"
    ask(customer)
    for _ in range(30):
        due_again()
        jobs.run_due()
    job = Job.objects.get()
    assert (job.attempts, job.given_up_at) == (0, None)
    assert 800 < (job.run_at - timezone.now()).total_seconds() < 1000

    yesterday = ObjectId.from_datetime(timezone.now() - timedelta(hours=25))
    Job.objects.update(payload={**job.payload, "mail": str(yesterday)})
    due_again()
    jobs.run_due()
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("step", "answer"),
    [
        ("auth", "535 wrong password"),
        ("mail", "550 you are not one of our senders"),
        ("mail", "451 not from you now"),
        ("mail", "421 shutting down"),
        ("message", "554 this to ada@example.com looks like spam"),
        ("message", "451 ask again for this one"),
        ("message", "421 never mind"),
    ],
)
def test_errors_that_need_configuration_keep_the_job_for_a_retry(
    customer: User, server: MailServer, step: str, answer: str
) -> None:
    server.answers[step] = answer
    ask(customer)
    ask(customer)
    jobs.run_due()
    # Both were tried: the error concerns the mail or the account, and is no outage.
    assert server.connections == 2
    for job in Job.objects.all():
        assert job.attempts == 1
        assert answer[:3] in job.last_error
        assert "ada@example.com" not in job.last_error

    server.answers.clear()
    due_again()
    jobs.run_due()
    assert len(server.taken) == 2


# --- What is in them --------------------------------------------------------------------------------------------------


def test_no_address_can_add_a_header(customer: User, server: MailServer) -> None:
    # An address that no form and no API call accepts.
    User.objects.update(email="ada@example.com\r\nBcc: eve@example.com")
    ask(customer)
    jobs.run_due()
    assert server.taken == []
    assert not Job.objects.exists()


def test_a_name_with_line_breaks_stays_on_its_line_and_out_of_the_headers(customer: User) -> None:
    User.objects.update(name="Ada\r\nBcc: eve@example.com\n\nYou have won", email_verified=True)
    services.send_password_reset(user=customer)
    (mail,) = work()
    assert mail.body.startswith("Hello Ada Bcc: eve@example.com You have won,\n\n")
    assert mail.recipients() == ["ada@example.com"]
    assert "Bcc" not in mail.message()


def test_registering_a_stranger_s_address_does_not_choose_the_text_of_mails_to_it(customer: User) -> None:
    User.objects.update(name="You have won! https://evil.test")
    services.send_password_reset(user=customer)
    (mail,) = work()
    assert mail.body.startswith("Hello,\n")
    assert "evil" not in mail.message().as_string()
