"""Superusers invite members of staff, who may ask for a new password."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from accounts import services
from accounts.links import RESET
from accounts.models import TokenFamily, User
from accounts.tokens import issue_tokens
from conftest import PASSWORD
from shop.dev.testing.admin import allow, browser_of
from shop.dev.testing.groups import make_groups
from shop.dev.testing.mails import work
from shop.jobs import Job

pytestmark = pytest.mark.django_db

INVITE, FORGOT = "/admin/accounts/user/invite/", "/admin/forgot-password/"
NEW_PASSWORD = dict.fromkeys(("password1", "password2"), "another-horse-battery")


@pytest.fixture
def boss(make_user: Any) -> User:
    return make_user(is_staff=True, is_superuser=True)


def invite(boss: User, email: str = "grace@example.com", name: str = "Grace") -> Any:
    make_groups()
    role = Group.objects.get(name="Order desk")
    return browser_of(boss).post(INVITE, {"email": email, "name": name, "groups": [role.pk]})


def path_in(mail: Any) -> str:
    (address,) = re.findall(r"http://testserver(/admin/\S*)", mail.body)
    return address


def can_log_in(email: str, password: str) -> bool:
    browser = Client()
    browser.post("/admin/login/", {"username": email, "password": password})
    return browser.get("/admin/").status_code == 200


def test_an_invitation_leads_to_a_password_and_a_role(boss: User, mailoutbox: list[Any]) -> None:
    assert invite(boss).status_code == 302
    user = User.objects.get(email="grace@example.com")
    assert (user.is_staff, user.is_superuser, user.has_usable_password()) == (True, False, False)
    work()
    (mail,) = mailoutbox
    assert mail.to == ["grace@example.com"]
    page = path_in(mail)
    assert Client().get(page)["Referrer-Policy"] == "no-referrer"
    assert Client().post(page, dict.fromkeys(NEW_PASSWORD, "short")).status_code == 200
    assert Client().post(page, NEW_PASSWORD)["Location"] == "/admin/login/"
    # It works once.
    assert "no longer valid" in Client().post(page, NEW_PASSWORD).content.decode()
    assert can_log_in(user.email, NEW_PASSWORD["password1"])
    user.refresh_from_db()
    assert user.email_verified
    assert user.has_perm("orders.change_order")
    assert not user.has_perm("accounts.change_user")


def test_a_customer_who_is_invited_keeps_the_password_and_logs_in_again(
    boss: User, customer: User, mailoutbox: list[Any]
) -> None:
    issue_tokens(customer)
    assert invite(boss, customer.email).status_code == 302
    work()
    assert path_in(mailoutbox[0]) == "/admin/"
    assert not TokenFamily.objects.exists()
    assert can_log_in(customer.email, PASSWORD)
    assert "already a member of staff" in invite(boss, customer.email).content.decode()


def test_only_superusers_invite(make_user: Any) -> None:
    other = allow(make_user(), "accounts.add_user", "accounts.change_user", "accounts.view_user")
    assert invite(other).status_code == 403
    assert not User.objects.filter(email="grace@example.com").exists()


def test_staff_who_forgot_their_password_get_a_link_of_the_admin(
    staff: User, customer: User, mailoutbox: list[Any]
) -> None:
    pages = {
        Client().post(FORGOT, {"email": each}).content.decode()
        for each in (staff.email, customer.email, "no@x.example")
    }
    assert len(pages) == 1
    work()
    (mail,) = mailoutbox
    assert mail.to == [staff.email]
    page = path_in(mail)
    assert page.startswith("/admin/choose-password/")
    assert Client().post(page, NEW_PASSWORD).status_code == 302
    assert can_log_in(staff.email, NEW_PASSWORD["password1"])
    assert not can_log_in(staff.email, PASSWORD)
    assert Client().get(page.replace(str(staff.pk), str(customer.pk))).status_code == 200


def test_the_links_of_customers_do_not_open_pages_of_the_admin(customer: User, mailoutbox: list[Any]) -> None:
    page = f"/admin/choose-password/{customer.pk}/{RESET.token(customer)}/"
    assert "no longer valid" in Client().post(page, NEW_PASSWORD).content.decode()
    assert User.objects.get(pk=customer.pk).check_password(PASSWORD)
    assert Client().get("/admin/choose-password/nonsense/x/").status_code == 404


def test_an_account_that_is_deleted_leaves_no_request_behind(staff: User) -> None:
    Client().post(FORGOT, {"email": staff.email})
    assert Job.objects.filter(kind="accounts.find_staff_who_resets").exists()
    services.delete_account(user=staff)
    assert not Job.objects.filter(kind="accounts.find_staff_who_resets").exists()
