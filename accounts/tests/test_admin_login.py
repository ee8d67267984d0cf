"""Login to the admin: limited like the API's, with a new session for each login."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.http import HttpResponse
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from conftest import PASSWORD
from shop.dev.testing.admin import browser_of

pytestmark = pytest.mark.django_db

LOGIN = "/admin/login/"


@pytest.fixture
def limited(settings: Any) -> None:
    settings.RATE_LIMITS = True
    settings.RATE_LIMIT_RULES = {**dict.fromkeys(settings.RATE_LIMIT_RULES, (50, 3600)), "login_account": (5, 3600)}


def log_in(user: User, password: str = "wrong", browser: Client | None = None, **headers: str) -> HttpResponse:
    return (browser or Client()).post(LOGIN, {"username": user.email, "password": password}, **headers)


def test_the_sixth_guess_is_a_page_that_says_when_to_come_back(limited: None, staff: User) -> None:
    assert [log_in(staff).status_code for _ in range(5)] == [200] * 5
    page = log_in(staff, PASSWORD)
    assert page.status_code == 429
    assert page["Content-Type"].startswith("text/html")
    assert 3500 < int(page["Retry-After"]) <= 3600
    assert "throttled" in page.content.decode()


def test_the_admin_and_the_api_count_together(limited: None, staff: User) -> None:
    def by_api() -> int:
        body = {"email": staff.email, "password": "wrong"}
        return APIClient().post("/api/v1/auth/login/", body).status_code

    assert [log_in(staff).status_code, by_api(), log_in(staff).status_code, by_api(), by_api()] == [
        *(200, 401, 200, 401, 401)
    ]
    assert (log_in(staff, PASSWORD).status_code, by_api()) == (429, 429)


def test_one_address_may_not_try_all_accounts(
    limited: None, staff: User, make_user: Callable[..., User], settings: Any
) -> None:
    settings.RATE_LIMIT_RULES["login"] = (3, 3600)
    assert [log_in(make_user()).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert log_in(staff, PASSWORD, REMOTE_ADDR="203.0.113.9").status_code == 302


def test_guesses_from_everywhere_do_not_lock_out_who_has_logged_in_from_here_before(
    limited: None, staff: User, settings: Any
) -> None:
    settings.RATE_LIMIT_RULES["login_strangers"] = (10, 3600)
    assert log_in(staff, PASSWORD).status_code == 302
    guesses = [log_in(staff, REMOTE_ADDR=f"203.0.113.{n}").status_code for n in range(12)]
    assert guesses == [200] * 9 + [429] * 3
    assert log_in(staff, PASSWORD).status_code == 302


def test_the_session_gets_a_new_key_at_login(staff: User) -> None:
    browser = Client()
    session = browser.session
    session["planted"] = "by somebody else"
    session.save()
    planted = session.session_key

    assert log_in(staff, PASSWORD, browser).status_code == 302

    assert browser.session.session_key != planted
    assert not Session.objects.filter(pk=planted).exists()
    assert browser.get("/admin/").status_code == 200


def test_the_session_is_over_after_the_logout(staff: User) -> None:
    browser = browser_of(staff)
    key = browser.session.session_key
    assert browser.post("/admin/logout/").status_code in (200, 302)
    browser.cookies["sessionid"] = key
    assert browser.get("/admin/").status_code == 302


def test_a_new_password_ends_the_other_sessions_and_keeps_this_one_under_a_new_key(staff: User) -> None:
    browser, elsewhere = browser_of(staff), browser_of(staff)
    key = browser.session.session_key
    new = {"old_password": PASSWORD, **dict.fromkeys(("new_password1", "new_password2"), "another-horse-battery")}
    assert browser.post("/admin/password_change/", new).status_code == 302
    assert browser.get("/admin/").status_code == 200
    assert browser.session.session_key != key
    assert elsewhere.get("/admin/").status_code == 302


def test_the_old_password_cannot_be_guessed_at_a_screen_that_was_left(
    limited: None, staff: User, settings: Any
) -> None:
    settings.RATE_LIMIT_RULES["password"] = (3, 3600)
    browser = browser_of(staff)
    guess = {"old_password": "wrong", **dict.fromkeys(("new_password1", "new_password2"), "another-horse-battery")}
    statuses = [browser.post("/admin/password_change/", guess).status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    right = {**guess, "old_password": PASSWORD}
    assert browser.post("/admin/password_change/", right).status_code == 429
    assert User.objects.get().check_password(PASSWORD)


def test_a_form_from_another_site_changes_nothing_and_gets_an_error_page(staff: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(staff)
    page = browser.post(f"/admin/accounts/user/{staff.pk}/delete/", {"post": "yes"})
    assert page.status_code == 403
    assert "This form has expired" in page.content.decode()
    assert User.objects.exists()
