"""Verification of an e-mail address by a link that is sent to it."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts import services
from accounts.links import VERIFICATION
from accounts.models import User
from conftest import PASSWORD, client_of
from shop.dev.testing.failures import failing
from shop.dev.testing.mails import all_at_the_link, html_of, link_in, work
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, dump_database, run_concurrently
from shop.jobs import Job

pytestmark = pytest.mark.django_db

VERIFY_URL, CONFIRM_URL = f"{API}/auth/email/verify/", f"{API}/auth/email/verify/confirm/"
PERSON = {"email": "new@example.com", "password": PASSWORD, "name": "New Person"}


def confirm(link: dict[str, str], **changed: Any) -> Any:
    return client_of().post(CONFIRM_URL, {**link, **changed})


def mailed_link(client: APIClient) -> dict[str, str]:
    reply = client.post(VERIFY_URL)
    assert (reply.status_code, reply.content) == (202, b"")
    (mail,) = work()
    return link_in(mail, "verify-email")


def is_verified(user: User) -> bool:
    return User.objects.get(pk=user.pk).email_verified


# --- Welcome ----------------------------------------------------------------------------------------------------------


def test_registration_sends_a_welcome_mail_whose_link_verifies_the_address(anonymous: APIClient) -> None:
    reply = anonymous.post(f"{API}/auth/register/", PERSON)
    assert reply.status_code == 201
    (mail,) = work()
    assert (mail.subject, mail.recipients()) == ("Welcome", ["new@example.com"])
    link = link_in(mail, "verify-email")
    assert link["uid"] == reply.json()["user"]["id"]
    assert link["token"] in html_of(mail)
    anonymous.credentials(HTTP_AUTHORIZATION=f"Bearer {reply.json()['access']}")
    assert anonymous.get(f"{API}/users/me/").json()["email_verified"] is False

    assert confirm(link).status_code == 204

    assert anonymous.get(f"{API}/users/me/").json()["email_verified"] is True
    assert work() == []


def test_a_failed_registration_sends_no_mail(anonymous: APIClient, customer: User) -> None:
    assert anonymous.post(f"{API}/auth/register/", {**PERSON, "email": customer.email}).status_code == 400
    assert not Job.objects.exists()


def test_no_user_is_registered_if_the_welcome_mail_cannot_be_queued(anonymous: APIClient, db: None) -> None:
    with failing("insert", Job, errorCode=8000):
        assert anonymous.post(f"{API}/auth/register/", PERSON).status_code == 500
    assert not User.objects.exists()
    assert anonymous.post(f"{API}/auth/register/", PERSON).status_code == 201


def test_a_registration_survives_a_write_conflict_and_welcomes_once(anonymous: APIClient, db: None) -> None:
    with failing("insert", Job, errorCode=112, errorLabels=["TransientTransactionError"]):
        assert anonymous.post(f"{API}/auth/register/", PERSON).status_code == 201
    assert User.objects.count() == 1
    assert len(work()) == 1


# --- Verification -----------------------------------------------------------------------------------------------------


def test_the_link_of_the_mail_proves_the_address_and_nothing_else_changes(
    customer: User, as_customer: APIClient, as_stranger: APIClient
) -> None:
    before = list(User.objects.order_by("pk").values())
    link = mailed_link(as_customer)
    reply = confirm(link)
    assert (reply.status_code, reply.content) == (204, b"")
    assert as_customer.get(f"{API}/users/me/").json()["email_verified"] is True
    after = list(User.objects.order_by("pk").values())
    # Claiming guest orders bumps the revision, so that concurrent changes conflict.
    changed_at = next(row["updated_at"] for row in after if row["email"] == customer.email)
    proved = {"email_verified": True, "revision": before[0]["revision"] + 1, "updated_at": changed_at}
    assert after == [{**row, **(proved if row["email"] == customer.email else {})} for row in before]


def test_the_link_is_followed_without_a_login_and_a_stale_one_does_no_harm(as_customer: APIClient) -> None:
    link = mailed_link(as_customer)
    browser = APIClient()
    browser.credentials(HTTP_AUTHORIZATION="Bearer stale")
    assert browser.post(CONFIRM_URL, link).status_code == 204


def test_a_verified_user_gets_no_mail(customer: User, as_customer: APIClient) -> None:
    link = mailed_link(as_customer)
    assert confirm(link).status_code == 204
    assert as_customer.post(VERIFY_URL).status_code == 202
    assert work() == []
    assert not Job.objects.exists()


def test_of_twenty_confirmations_at_once_one_succeeds(
    customer: User, as_customer: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = mailed_link(as_customer)
    all_at_the_link(monkeypatch, VERIFICATION, 20)
    replies = run_concurrently(*[lambda: confirm(link)] * 20)
    assert sorted(reply.status_code for reply in replies) == [204] + [400] * 19
    for reply in replies:
        assert reply.status_code == 204 or refusal(reply, 400) == ("invalid_token", "token")
    assert is_verified(customer)


def another_address(user: User) -> None:
    User.objects.filter(pk=user.pk).update(email="countess@example.com")


def proven_by_a_reset(user: User) -> None:
    services.reset_password(user=User.objects.get(pk=user.pk), new_password="another-horse-battery")


def deactivated(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def deleted(user: User) -> None:
    services.delete_account(user=user)


@pytest.mark.parametrize("change", [another_address, proven_by_a_reset, deactivated, deleted])
def test_a_link_is_void_after(customer: User, as_customer: APIClient, change: Callable[[User], None]) -> None:
    link = mailed_link(as_customer)
    change(customer)
    before = dump_database()
    assert refusal(confirm(link), 400) == ("invalid_token", "token")
    assert dump_database() == before


def test_a_new_password_and_new_logins_do_not_void_it(customer: User, as_customer: APIClient) -> None:
    link = mailed_link(as_customer)
    services.change_password(user=customer, old_password=PASSWORD, new_password="another-horse-battery")
    assert confirm(link).status_code == 204


def test_a_link_is_good_for_three_days(customer: User, as_customer: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    link = mailed_link(as_customer)
    now, days = time.time(), 24 * 3600
    monkeypatch.setattr("django.core.signing.time.time", lambda: now + 3 * days + 2)
    assert refusal(confirm(link), 400) == ("invalid_token", "token")
    assert not is_verified(customer)
    monkeypatch.setattr("django.core.signing.time.time", lambda: now + 3 * days - 5)
    assert confirm(link).status_code == 204


def test_a_link_for_a_password_proves_no_address_here(customer: User) -> None:
    services.send_password_reset(user=customer)
    (mail,) = work()
    assert refusal(confirm(link_in(mail, "reset-password")), 400) == ("invalid_token", "token")
    assert not is_verified(customer)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"uid": "0" * 24}, ("invalid_token", "token")),
        ({"uid": "x"}, ("invalid_id", "uid")),
        ({"token": "x"}, ("invalid_token", "token")),
        ({"token": ["x"]}, ("invalid", "token")),
    ],
)
def test_what_is_not_that_link_is_refused(
    customer: User, as_customer: APIClient, changed: dict, problem: tuple[str, str]
) -> None:
    link = mailed_link(as_customer)
    assert refusal(confirm(link, **changed), 400) == problem
    assert not is_verified(customer)


# --- Who gets mails ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [deactivated, deleted])
@pytest.mark.parametrize(
    "send", [services.send_verification, services.send_password_reset], ids=["verification", "reset"]
)
def test_the_pending_mails_of_deleted_users_are_dropped(
    customer: User, change: Callable[[User], None], send: Callable[..., None]
) -> None:
    send(user=customer)
    change(customer)
    assert work() == []
    assert not Job.objects.exists()


def test_a_changed_password_sends_a_mail(as_customer: APIClient) -> None:
    passwords = {"old_password": PASSWORD, "new_password": "another-horse-battery"}
    assert as_customer.post(f"{API}/auth/password/change/", passwords).status_code == 204
    (mail,) = work()
    assert (mail.subject, mail.recipients()) == ("Your password was changed", ["ada@example.com"])
    assert "another-horse-battery" not in mail.message().as_string()


def test_an_unchanged_password_sends_no_mail(as_customer: APIClient) -> None:
    passwords = {"old_password": "not-the-password", "new_password": "another-horse-battery"}
    assert as_customer.post(f"{API}/auth/password/change/", passwords).status_code == 400
    assert not Job.objects.exists()


def test_the_sixth_request_for_a_link_is_429(as_customer: APIClient, as_stranger: APIClient, settings: Any) -> None:
    settings.RATE_LIMITS = True
    settings.RATE_LIMIT_RULES = {scope: (most, 10**11) for scope, (most, _) in settings.RATE_LIMIT_RULES.items()}
    assert [as_customer.post(VERIFY_URL).status_code for _ in range(6)] == [202] * 5 + [429]
    assert as_stranger.post(VERIFY_URL).status_code == 202
    # The worker sends an unverified address four a day.
    assert len(work()) == 4 + 1
