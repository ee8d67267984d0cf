"""Two-factor login of staff, in the admin and at the API."""

import re
import threading
import time
from typing import Any

import pyotp
import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import SecondFactor, TokenFamily, User
from accounts.staff.second_factors import STEP_SECONDS
from accounts.tokens import issue_tokens
from conftest import PASSWORD
from shop.audit.staff_log import StaffAction
from shop.dev.testing.admin import browser_of, in_dialog, url_of

pytestmark = pytest.mark.django_db

LOGIN, CODE, SETUP = "/admin/login/", "/admin/login/code/", "/admin/two-factor/"


def code_at(secret: str, *, later: int = 0) -> str:
    """Return the code of the current time step, or of one ``later``."""
    return pyotp.TOTP(secret).at(time.time() + later * STEP_SECONDS)


def set_up(browser: Client) -> tuple[str, list[str]]:
    """Return the secret and the recovery codes."""
    page = browser.get(SETUP).content.decode()
    (secret,) = re.findall(r"<code class=\"break-all\">([A-Z2-7]{32})</code>", page)
    assert "<svg" in page
    shown = browser.post(SETUP, {"code": code_at(secret)}).content.decode()
    return secret, re.findall(r"<code>([a-z2-9]{5}-[a-z2-9]{5})</code>", shown)


def with_password(user: User, browser: Client | None = None, to: str = LOGIN) -> Client:
    browser = browser or Client()
    assert browser.post(to, {"username": user.email, "password": PASSWORD}).status_code == 302
    return browser


def is_logged_in(browser: Client) -> bool:
    return browser.get("/admin/").status_code == 200


def by_api(user: User, **body: str) -> Any:
    return APIClient().post("/api/v1/auth/login/", {"email": user.email, "password": PASSWORD, **body})


def test_a_login_needs_the_password_and_then_the_code(staff: User) -> None:
    own, elsewhere = browser_of(staff), browser_of(staff)
    issue_tokens(staff)
    secret, recovery_codes = set_up(own)
    assert len({*recovery_codes}) == 10
    # The other logins are over, this one goes on.
    assert (is_logged_in(own), is_logged_in(elsewhere)) == (True, False)
    assert not TokenFamily.objects.exists()
    assert StaffAction.objects.get().fields == ["second_factor"]

    browser = with_password(staff, to=f"{LOGIN}?next=/admin/orders/order/")
    assert not is_logged_in(browser)
    assert "incorrect" in browser.post(CODE, {"code": "000000"}).content.decode()
    assert not is_logged_in(browser)
    # The code that set it up was used.
    assert browser.post(CODE, {"code": code_at(secret)}).status_code == 200
    answer = browser.post(f"{CODE}?next=/admin/orders/order/", {"code": code_at(secret, later=1)})
    assert answer["Location"] == "/admin/orders/order/"
    assert is_logged_in(browser)


def test_the_page_of_the_code_is_for_those_who_know_the_password(staff: User, customer: User) -> None:
    secret, _ = set_up(browser_of(staff))
    assert Client().get(CODE)["Location"] == LOGIN
    browser = with_password(staff)
    User.objects.filter(pk=staff.pk).update(token_version=99)
    assert browser.post(CODE, {"code": code_at(secret, later=1)})["Location"] == LOGIN
    assert not is_logged_in(browser)
    assert browser_of(customer).get(SETUP).status_code == 302


def test_the_next_page_is_of_the_admin(staff: User) -> None:
    secret, _ = set_up(browser_of(staff))
    browser = with_password(staff)
    answer = browser.post(f"{CODE}?next=https://evil.example/", {"code": code_at(secret, later=1)})
    assert answer["Location"] == "/admin/"


def test_the_api_asks_for_the_code_too(staff: User) -> None:
    secret, _ = set_up(browser_of(staff))
    answers = [by_api(staff), by_api(staff, code="000000"), by_api(staff, code=code_at(secret, later=1))]
    assert [answer.status_code for answer in answers] == [401, 401, 200]
    assert [answer.json()["errors"][0]["code"] for answer in answers[:2]] == ["second_factor_required", "invalid_code"]
    # A wrong password does not reveal that there is a second factor.
    wrong = APIClient().post("/api/v1/auth/login/", {"email": staff.email, "password": "wrong"})
    assert wrong.json()["errors"][0]["code"] == "invalid_credentials"


def test_a_recovery_code_works_once(staff: User) -> None:
    browser = browser_of(staff)
    secret, (first, second, *_) = set_up(browser)
    assert [by_api(staff, code=code).status_code for code in (first, first, second.replace("-", "").upper())] == [
        *(200, 401, 200)
    ]
    assert len(SecondFactor.objects.get().recovery_codes) == 8
    # New ones replace them.
    renewed = browser.post(SETUP, {"code": code_at(secret, later=1), "renew": ""}) if is_logged_in(browser) else None
    assert renewed is not None
    assert "Your recovery codes" in renewed.content.decode()
    assert len(SecondFactor.objects.get().recovery_codes) == 10


@pytest.mark.django_db(transaction=True)
def test_concurrent_logins_with_one_code_let_one_in(staff: User) -> None:
    secret, _ = set_up(browser_of(staff))
    code, statuses = code_at(secret, later=1), []

    def attempt() -> None:
        statuses.append(by_api(staff, code=code).status_code)

    threads = [threading.Thread(target=attempt) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, *[401] * 5]


def test_guesses_of_the_code_are_limited(staff: User, settings: Any) -> None:
    set_up(browser_of(staff))
    settings.RATE_LIMITS = True
    settings.RATE_LIMIT_RULES = {**dict.fromkeys(settings.RATE_LIMIT_RULES, (50, 3600)), "second_factor": (3, 3600)}
    browser = with_password(staff)
    assert [browser.post(CODE, {"code": "000000"}).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert by_api(staff, code="000000").status_code == 429


def test_it_can_be_turned_off_with_a_code_or_by_a_superuser(staff: User, make_user: Any) -> None:
    browser = browser_of(staff)
    secret, _ = set_up(browser)
    assert browser.post(SETUP, {"code": "000000", "remove": ""}).status_code == 200
    assert SecondFactor.objects.exists()
    assert browser.post(SETUP, {"code": code_at(secret, later=1), "remove": ""}).status_code == 302
    assert not SecondFactor.objects.exists()

    set_up(browser)
    boss = make_user(is_staff=True, is_superuser=True)
    remove = f"/admin/accounts/user/{staff.pk}/remove-two-factor/"
    assert in_dialog(browser_of(make_user(is_staff=True)), remove).status_code in (302, 403)
    assert SecondFactor.objects.exists()
    in_dialog(browser_of(boss), remove, {})
    assert not SecondFactor.objects.exists()


def test_where_it_is_required_staff_first_set_it_up(staff: User, customer: User, settings: Any) -> None:
    settings.ADMIN_REQUIRE_TWO_FACTOR = True
    assert by_api(staff).json()["errors"][0]["code"] == "second_factor_missing"
    assert by_api(customer).status_code == 200
    browser = with_password(staff)
    for page in ("/admin/", url_of("orders.order"), "/admin/search/?s=order"):
        assert browser.get(page)["Location"] == SETUP
    secret, _ = set_up(browser)
    assert is_logged_in(browser)
    pending = with_password(staff)
    assert not is_logged_in(pending)
    # Who turns it off has to set it up again; a login that waits for its code starts again.
    browser.post(SETUP, {"code": code_at(secret, later=1), "remove": ""})
    assert browser.get("/admin/")["Location"] == SETUP
    assert pending.post(CODE, {"code": "000000"})["Location"] == LOGIN
    assert not is_logged_in(pending)
