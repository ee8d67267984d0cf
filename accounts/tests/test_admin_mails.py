"""Mails that staff cause in the admin: about changed addresses, and links for customers."""

from collections.abc import Callable

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from shop.dev.testing.admin import allow, browser_of, change_user, in_dialog, messages_of, url_of
from shop.dev.testing.mails import link_in, work
from shop.jobs import Job


def test_a_password_set_by_staff_sends_a_mail_without_it(browser: Client, customer: User) -> None:
    new = {"password1": "another-horse-battery", "password2": "another-horse-battery", "usable_password": "true"}
    browser.post(f"/admin/accounts/user/{customer.pk}/password/", new)
    (mail,) = work()
    assert (mail.subject, mail.recipients()) == ("Your password was changed", ["ada@example.com"])
    assert "another-horse-battery" not in mail.message().as_string()


def test_a_changed_address_must_be_verified_again(browser: Client, make_user: Callable[..., User]) -> None:
    user = make_user(email="old@example.com", email_verified=True)
    change_user(browser, user, email="New@example.com")
    user.refresh_from_db()
    assert (user.email, user.email_verified) == ("new@example.com", False)
    (mail,) = work()
    assert mail.recipients() == ["new@example.com"]
    confirmed = APIClient().post("/api/v1/auth/email/verify/confirm/", link_in(mail, "verify-email"))
    assert confirmed.status_code == 204
    user.refresh_from_db()
    assert user.email_verified


def test_a_changed_address_that_staff_vouch_for_is_proven(browser: Client, customer: User) -> None:
    change_user(browser, customer, email="new@example.com", email_verified="on")
    customer.refresh_from_db()
    assert customer.email_verified
    assert not Job.objects.exists()


def test_other_changes_keep_the_verification_and_send_no_mail(browser: Client, make_user: Callable[..., User]) -> None:
    user = make_user(email_verified=True)
    change_user(browser, user, name="Somebody")
    user.refresh_from_db()
    assert (user.name, user.email_verified) == ("Somebody", True)
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("button", "subject"),
    [("send_verification", "Confirm your e-mail address"), ("send_password_link", "Choose a new password")],
)
def test_staff_send_a_customer_a_link(browser: Client, customer: User, button: str, subject: str) -> None:
    assert (
        url_of("accounts.user", button, customer.pk)
        in browser.get(url_of("accounts.user", "change", customer.pk)).content.decode()
    )
    assert in_dialog(browser, url_of("accounts.user", button, customer.pk)).status_code == 200
    assert not Job.objects.exists()

    page = browser.post(url_of("accounts.user", button, customer.pk), follow=True)

    assert messages_of(page) == ["The e-mail to ada@example.com is being sent."]
    (mail,) = work()
    assert (mail.subject, mail.recipients()) == (subject, ["ada@example.com"])


@pytest.mark.parametrize(
    ("button", "state", "reason"),
    [
        ("send_verification", {"email_verified": True}, "This address is already verified."),
        ("send_verification", {"is_active": False}, "This account is inactive and receives no mail."),
        ("send_password_link", {"is_active": False}, "This account is inactive and receives no mail."),
    ],
)
def test_no_link_is_offered_to_those_it_is_not_for(
    browser: Client, make_user: Callable[..., User], button: str, state: dict[str, bool], reason: str
) -> None:
    user = make_user(**state)
    url = url_of("accounts.user", button, user.pk)
    assert url not in browser.get(url_of("accounts.user", "change", user.pk)).content.decode()
    assert messages_of(browser.post(url, follow=True)) == [reason]
    assert not Job.objects.exists()


@pytest.mark.parametrize("button", ["send_verification", "send_password_link"])
def test_only_staff_who_may_edit_a_user_send_them_a_link(
    make_user: Callable[..., User], staff: User, customer: User, button: str
) -> None:
    clerk = browser_of(allow(make_user(), "accounts.view_user", "accounts.change_user"))
    looker = browser_of(allow(make_user(), "accounts.view_user"))
    assert looker.post(url_of("accounts.user", button, customer.pk)).status_code == 403
    assert clerk.post(url_of("accounts.user", button, staff.pk)).status_code == 403
    assert not Job.objects.exists()
    assert clerk.post(url_of("accounts.user", button, customer.pk)).status_code == 302
    assert Job.objects.count() == 1
