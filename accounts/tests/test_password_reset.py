"""Password reset: the mailed link works once, and responses do not reveal who has an account."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.links import RESET
from accounts.models import User
from accounts.tokens import issue_tokens
from conftest import PASSWORD, client_of
from shop.dev.testing.admin import browser_of
from shop.dev.testing.commands import count_commands
from shop.dev.testing.mails import link_in, work
from shop.dev.testing.password_reset import NEW_PASSWORD, RESET_URL, ask, confirm, logs_in, mailed_link, works
from shop.dev.testing.replies import refusals
from shop.dev.testing.steps import API
from shop.jobs import Job

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("written", ["ada@example.com", " ADA@Example.com "])
def test_a_forgotten_password_is_replaced_by_way_of_a_mail(customer: User, written: str) -> None:
    reply = ask(written)
    assert (reply.status_code, reply.content) == (202, b"")
    (mail,) = work()
    assert (mail.subject, mail.recipients()) == ("Choose a new password", ["ada@example.com"])
    assert "1 hour" in mail.body
    assert logs_in(customer, PASSWORD)

    reply = confirm(link_in(mail, "reset-password"))

    assert (reply.status_code, reply.content) == (204, b"")
    assert logs_in(customer, NEW_PASSWORD)
    assert not logs_in(customer, PASSWORD)


def test_a_reset_ends_every_login_verifies_the_address_and_sends_a_mail(
    customer: User, make_user: Callable[..., User]
) -> None:
    other = make_user()
    pair, others = issue_tokens(customer), issue_tokens(other)
    browser = browser_of(customer)
    link = mailed_link(customer)
    before = User.objects.filter(pk=other.pk).values().get()

    assert confirm(link).status_code == 204

    assert not works(pair["access"])
    assert client_of().post(f"{API}/auth/refresh/", {"refresh": pair["refresh"]}).status_code == 401
    assert "_auth_user_id" in browser.session
    assert browser.get("/admin/").status_code == 302
    assert User.objects.get(pk=customer.pk).email_verified
    (mail,) = work()
    assert (mail.subject, mail.recipients()) == ("Your password was changed", ["ada@example.com"])
    assert works(others["access"])
    assert User.objects.filter(pk=other.pk).values().get() == before


# --- Who has an account -----------------------------------------------------------------------------------------------


@pytest.fixture
def asked(customer: User, make_user: Callable[..., User]) -> dict[str, str]:
    """An address of each kind."""
    make_user(email="gone@example.com", is_active=False)
    return {"known": "ada@example.com", "unknown": "nobody@example.com", "inactive": "gone@example.com"}


def test_nothing_reveals_whether_an_address_has_an_account(asked: dict[str, str], settings: Any) -> None:
    settings.RATE_LIMITS = True
    replies, commands, written = [], [], []
    for email in asked.values():
        with count_commands(all_threads=True) as sent:
            reply = ask(email)
        replies.append((reply.status_code, reply.content, {**reply.headers, "X-Request-ID": "another each time"}))
        commands.append([(command.name, command.collection) for command in sent])
        written.append(
            [(job.kind, list(job.payload), job.attempts) for job in Job.objects.filter(payload__email=email)]
        )
    assert replies[0] == replies[1] == replies[2]
    assert commands[0] == commands[1] == commands[2]
    assert "accounts_user" not in {collection for _, collection in commands[0]}
    assert written[0] == written[1] == written[2] == [("accounts.find_who_resets", ["email"], 0)]


def test_only_active_accounts_get_a_mail_and_no_address_is_stored(asked: dict[str, str]) -> None:
    for email in asked.values():
        ask(email)
    assert [mail.recipients() for mail in work()] == [["ada@example.com"]]
    assert not Job.objects.exists()


def test_while_the_mail_waits_its_row_holds_no_address(customer: User) -> None:
    from shop import jobs

    ask(customer.email)
    ask("nobody@example.com")
    for _ in range(2):
        jobs.run_due(seconds=0)
    (job,) = Job.objects.all()
    assert set(job.payload) == {"mail", "user"}
    assert "@" not in str(job.payload)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, ("required", "email")),
        ({"email": "not an address"}, ("invalid", "email")),
        ({"email": {"$gt": ""}}, ("invalid", "email")),
        ({"email": "a" * 250 + "@example.com"}, ("max_length", "email")),
    ],
)
def test_what_is_no_address_is_refused(customer: User, body: dict, problem: tuple[str, str]) -> None:
    assert problem in refusals(client_of().post(RESET_URL, body), 400)
    assert not Job.objects.exists()


# --- How often --------------------------------------------------------------------------------------------------------


@pytest.fixture
def limited(settings: Any) -> None:
    """The real limits, in windows so long that no test reaches a second one."""
    settings.RATE_LIMITS = True
    settings.RATE_LIMIT_RULES = {scope: (most, 10**11) for scope, (most, _) in settings.RATE_LIMIT_RULES.items()}


@pytest.mark.usefixtures("limited")
def test_the_sixth_request_for_an_account_is_429_whether_there_is_one_or_not(asked: dict[str, str]) -> None:
    for email in asked.values():
        assert [ask(email).status_code for _ in range(6)] == [202] * 5 + [429], email


@pytest.mark.usefixtures("limited")
def test_one_address_may_not_request_resets_of_all_accounts() -> None:
    assert [ask(f"person{n}@example.com").status_code for n in range(21)] == [202] * 20 + [429]


@pytest.mark.usefixtures("limited")
def test_no_mailbox_is_flooded_and_no_stranger_keeps_the_owner_from_requesting(customer: User) -> None:
    User.objects.update(email_verified=True)
    for n in range(9):
        assert ask(customer.email, REMOTE_ADDR=f"203.0.113.{n}").status_code == 202
    mails = work()
    assert len(mails) == 5
    # Above the limit requests are still accepted, and the sent links are valid.
    assert ask(customer.email).status_code == 202
    assert work() == []
    assert confirm(link_in(mails[0], "reset-password")).status_code == 204


def test_the_account_of_a_link_is_found_by_nothing_but_its_token(customer: User) -> None:
    assert RESET.url(customer).startswith("http://localhost:3000/reset-password?uid=")
    for secret in (customer.email, customer.password, customer.password[-20:]):
        assert secret not in RESET.url(customer)
