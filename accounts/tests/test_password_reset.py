"""Password reset: the mailed link works once, and responses do not reveal who has an account."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts import services
from accounts.errors import InvalidLink
from accounts.links import RESET, Link
from accounts.models import User
from accounts.tokens import issue_tokens, revoke_all
from conftest import PASSWORD, client_of
from shop.dev.testing.admin import browser_of
from shop.dev.testing.commands import count_commands
from shop.dev.testing.failures import failing
from shop.dev.testing.mails import all_at_the_link, link_in, work
from shop.dev.testing.replies import refusal, refusals
from shop.dev.testing.steps import API, dump_database, run_concurrently
from shop.jobs import Job

pytestmark = pytest.mark.django_db

RESET_URL, CONFIRM_URL = f"{API}/auth/password/reset/", f"{API}/auth/password/reset/confirm/"
NEW_PASSWORD = "another-horse-battery"


def ask(email: str, **headers: str) -> Any:
    return client_of().post(RESET_URL, {"email": email}, **headers)


def confirm(link: dict[str, str], password: str = NEW_PASSWORD, **changed: Any) -> Any:
    return client_of().post(CONFIRM_URL, {**link, "new_password": password, **changed})


def mailed_link(user: User) -> dict[str, str]:
    assert ask(user.email).status_code == 202
    (mail,) = work()
    assert mail.recipients() == [user.email]
    return link_in(mail, "reset-password")


def logs_in(user: User, password: str) -> bool:
    reply = client_of().post(f"{API}/auth/login/", {"email": user.email, "password": password})
    assert reply.status_code in (200, 401)
    return reply.status_code == 200


def works(access: str) -> bool:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {access}")
    return client.get(f"{API}/users/me/").status_code == 200


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


# --- What a link is good for ------------------------------------------------------------------------------------------


def test_of_twenty_confirmations_at_once_one_sets_its_password(customer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    link = mailed_link(customer)
    all_at_the_link(monkeypatch, RESET, 20)
    passwords = iter([f"{NEW_PASSWORD}-{n}" for n in range(20)])

    def follow() -> tuple[str, Any]:
        password = next(passwords)
        return password, confirm(link, password)

    answers = run_concurrently(*[follow] * 20)
    winners = [password for password, reply in answers if reply.status_code == 204]
    assert len(winners) == 1
    for _, reply in answers:
        assert reply.status_code == 204 or refusal(reply, 400) == ("invalid_token", "token")
    user = User.objects.get(pk=customer.pk)
    assert user.check_password(winners[0])
    assert user.token_version == customer.token_version + 1
    assert len(work()) == 1


def new_password(user: User) -> None:
    services.change_password(user=user, old_password=PASSWORD, new_password=NEW_PASSWORD)


def another_link_was_used(user: User) -> None:
    assert confirm(mailed_link(user)).status_code == 204


def another_address(user: User) -> None:
    User.objects.filter(pk=user.pk).update(email="countess@example.com")


def deactivated(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def deleted(user: User) -> None:
    services.delete_account(user=user)


@pytest.mark.parametrize(
    "change", [new_password, another_link_was_used, another_address, revoke_all, deactivated, deleted]
)
def test_a_link_is_void_after(customer: User, change: Callable[[User], None]) -> None:
    User.objects.filter(pk=customer.pk).update(email_verified=True)
    customer.refresh_from_db()
    link = mailed_link(customer)
    change(customer)
    work()
    before = dump_database()
    assert refusal(confirm(link), 400) == ("invalid_token", "token")
    assert dump_database() == before


def test_a_link_is_good_for_its_time_and_not_longer(customer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    link = mailed_link(customer)
    now = time.time()
    monkeypatch.setattr("django.core.signing.time.time", lambda: now + 3602)
    assert refusal(confirm(link), 400) == ("invalid_token", "token")
    monkeypatch.setattr("django.core.signing.time.time", lambda: now + 3595)
    assert confirm(link).status_code == 204


def test_several_links_may_be_on_their_way_and_the_first_that_is_used_voids_the_others(customer: User) -> None:
    links = [mailed_link(customer) for _ in range(2)]
    assert confirm(links[0]).status_code == 204
    assert refusal(confirm(links[1]), 400) == ("invalid_token", "token")


def test_what_is_not_the_token_of_that_link_is_refused(
    customer: User, make_user: Callable[..., User], subtests: pytest.Subtests
) -> None:
    link = mailed_link(customer)
    other = make_user()
    services.send_verification(user=customer)
    (mail,) = work()
    verification = link_in(mail, "verify-email")
    moment, signature = link["token"].split(".")
    later = f"{chr(ord(moment[0]) + 1)}{moment[1:]}"
    forged = {
        "another's": {"uid": str(other.pk)},
        "nobody's": {"uid": "0" * 24},
        "for another purpose": {"token": verification["token"]},
        "renewed": {"token": f"{later}.{signature}"},
        "cut": {"token": link["token"][:-1]},
        "longer": {"token": f"x.{link['token']}"},
        "in capitals": {"token": link["token"].swapcase()},
        "without a signature": {"token": moment},
        "not ASCII": {"token": f"{link['token']}é"},
    }
    before = dump_database()
    for name, changed in forged.items():
        with subtests.test(name):
            assert refusal(confirm({**link, **changed}), 400) == ("invalid_token", "token")
    for field, value, code in (
        ("uid", "x", "invalid_id"),
        ("uid", {"$gt": ""}, "invalid_id"),
        ("token", "x" * 201, "max_length"),
        ("token", "", "blank"),
        ("token", {"$gt": ""}, "invalid"),
        ("token", None, "null"),
        ("new_password", None, "null"),
    ):
        with subtests.test(f"{field}={value}"):
            assert refusal(confirm(link, **{field: value}), 400) == (code, field)
    assert dump_database() == before
    assert confirm(link).status_code == 204


def test_two_purposes_never_share_a_token_though_they_be_bound_to_the_same(customer: User) -> None:
    first, second = (
        Link(purpose, page="page", lifetime="PASSWORD_RESET_TIMEOUT", bound_to=lambda user: [])
        for purpose in ("first", "second")
    )
    token = first.url(customer).partition("token=")[2]
    assert first.owner(uid=customer.pk, token=token) == customer
    with pytest.raises(InvalidLink):
        second.owner(uid=customer.pk, token=token)


def test_a_link_is_signed_by_the_shop_s_secret_and_by_old_ones_while_it_is_rotated(
    customer: User, settings: Any
) -> None:
    link = mailed_link(customer)
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another-secret-that-is-long-enough-to-be-a-secret-key-here"
    assert refusal(confirm(link), 400) == ("invalid_token", "token")
    settings.SECRET_KEY_FALLBACKS = [old]
    assert confirm(link).status_code == 204


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("Xk7!q", "password_too_short"),
        ("password1", "password_too_common"),
        ("ada@example.com", "password_too_similar"),
    ],
)
def test_a_password_that_breaks_a_rule_is_refused_and_the_link_stays_good(
    customer: User, password: str, code: str
) -> None:
    link = mailed_link(customer)
    assert refusal(confirm(link, password), 400) == (code, "new_password")
    assert logs_in(customer, PASSWORD)
    assert confirm(link).status_code == 204


def test_an_invalid_link_does_not_reveal_the_password_rules(customer: User) -> None:
    link = {"uid": str(customer.pk), "token": "x.y"}
    assert refusal(confirm(link, "ada@example.com"), 400) == ("invalid_token", "token")


def test_a_reset_survives_a_write_conflict(customer: User) -> None:
    link = mailed_link(customer)
    with failing("update", User, errorCode=112, errorLabels=["TransientTransactionError"]):
        assert confirm(link).status_code == 204
    assert logs_in(customer, NEW_PASSWORD)


def test_nothing_of_a_reset_is_done_if_its_commit_fails(customer: User) -> None:
    link = mailed_link(customer)
    pair = issue_tokens(customer)
    with failing("insert", Job, errorCode=8000):
        assert confirm(link).status_code == 500
    assert logs_in(customer, PASSWORD)
    assert works(pair["access"])
    assert confirm(link).status_code == 204


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
