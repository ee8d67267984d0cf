"""One mailbox is one account, however its address is written; undeliverable addresses are refused."""

import importlib
import unicodedata
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from accounts.models import User
from conftest import PASSWORD, client_of
from shop.dev.testing.admin import browser_of
from shop.dev.testing.mails import work
from shop.dev.testing.replies import refusals
from shop.dev.testing.steps import API, run_concurrently
from shop.jobs import Job

pytestmark = pytest.mark.django_db

REGISTER, LOGIN, RESET = f"{API}/auth/register/", f"{API}/auth/login/", f"{API}/auth/password/reset/"
PERSON = {"password": PASSWORD, "name": "Ada"}

# Spellings of ada@example.com and of ada@exämple.com.
PLAIN = [
    "ada@ｅｘａｍｐｌｅ.com",
    "ａｄａ＠example．com",
    "ada@example。com",
    "ada@example｡com",
    "ada@𝐞𝐱𝐚𝐦𝐩𝐥𝐞.com",
    "ada@exam\u00adple.com",
    "a\u200bda@example.com",
    "ada\u2060@example.com\u200e",
    "\ufeffada@example.com",
    "\u00a0ada@example.com\u3000",
    "ADA@ＥＸＡＭＰＬＥ.COM",
]
INTERNATIONAL = [
    "ada@exämple.com",
    unicodedata.normalize("NFD", "ada@exämple.com"),
    "ada@xn--exmple-cua.com",
    "ADA@XN--EXMPLE-CUA.com",
    "ada@EXÄMPLE.com",
    "ada@exämple。com",
]


def register(email: str) -> Any:
    return client_of().post(REGISTER, {**PERSON, "email": email})


@pytest.mark.parametrize(("kept", "spellings"), [("ada@example.com", PLAIN), ("ada@xn--exmple-cua.com", INTERNATIONAL)])
def test_every_spelling_of_an_address_is_one_account_with_one_welcome(
    kept: str, spellings: list[str], subtests: pytest.Subtests
) -> None:
    statuses = [register(email).status_code for email in spellings]
    assert statuses == [201] + [400] * (len(spellings) - 1)
    (user,) = User.objects.all()
    assert user.email == kept
    assert [mail.recipients() for mail in work()] == [[user.email]]
    for email in spellings:
        with subtests.test(email=ascii(email)):
            assert client_of().post(LOGIN, {"email": email, "password": PASSWORD}).status_code == 200
            assert client_of().post(RESET, {"email": email}).status_code == 202
            assert [mail.recipients() for mail in work()] == [[user.email]]
            assert User.objects.get_by_natural_key(email) == user


def test_of_all_spellings_at_once_one_gets_the_account(db: None) -> None:
    statuses = run_concurrently(*[lambda email=email: register(email).status_code for email in INTERNATIONAL])
    assert sorted(statuses) == [201] + [400] * (len(INTERNATIONAL) - 1)
    assert User.objects.get().email == "ada@xn--exmple-cua.com"
    assert len(work()) == 1


def test_domains_that_idna_2003_took_for_one_are_two(db: None) -> None:
    assert [register(email).status_code for email in ("ada@faß.de", "ada@fass.de")] == [201, 201]


@pytest.mark.parametrize(
    ("email", "sentence"),
    [
        ("adä@example.com", "Only ASCII characters are allowed before the @."),
        ("ad\u0430@example.com", "Only ASCII characters are allowed before the @."),
        ("a\u200dda@example.com", "Only ASCII characters are allowed before the @."),
        ("ada@exam\u200cple.com", "The domain of this e-mail address is not valid."),
        ("ada@💩.com", "The domain of this e-mail address is not valid."),
        ("ada@xn--a.com", "The domain of this e-mail address is not valid."),
        ("ada@-exämple.com", "The domain of this e-mail address is not valid."),
        ("ada@" + "ä" * 64 + ".com", "The domain of this e-mail address is not valid."),
        ("ada@localhost", "Mail cannot be delivered to the domain of this e-mail address."),
        ("ada@[192.0.2.1]", "Mail cannot be delivered to the domain of this e-mail address."),
        ("ada@[IPv6:2001:db8::1]", "Enter a valid email address."),
        ("ada@192.0.2.11", "Enter a valid email address."),
        ("ada@nowhere.invalid", "Mail cannot be delivered to the domain of this e-mail address."),
        ("ada@nowhere.ＩＮＶＡＬＩＤ", "Mail cannot be delivered to the domain of this e-mail address."),
        ("ada@printer.local", "Mail cannot be delivered to the domain of this e-mail address."),
        ("ada@hidden.onion", "Mail cannot be delivered to the domain of this e-mail address."),
        ("ada@home.arpa", "Mail cannot be delivered to the domain of this e-mail address."),
        ('"ada"@example.com', "Quotation marks are not allowed in an e-mail address."),
        ("a" * 65 + "@example.com", "At most 64 characters are allowed before the @."),
        ("ada@nodot", "Enter a valid email address."),
        ("ada@example.com.", "Enter a valid email address."),
        ("\u200b@example.com", "Enter a valid email address."),
        ("ada", "Enter a valid email address."),
    ],
)
def test_an_address_that_can_never_get_mail_is_refused_with_a_sentence(email: str, sentence: str, staff: User) -> None:
    before = set(User.objects.values_list("email", flat=True))
    reply = register(email)
    assert refusals(reply, 400) == [("invalid", "email")]
    assert reply.json()["errors"][0]["detail"] == sentence
    with pytest.raises(CommandError):
        call_command("createsuperuser", "--noinput", email=email, name="Boss")
    form = {"email": email, "name": "Ada", "password1": PASSWORD, "password2": PASSWORD}
    assert browser_of(staff).post("/admin/accounts/user/add/", form).status_code == 200
    assert set(User.objects.values_list("email", flat=True)) == before
    assert not Job.objects.exists()


@pytest.mark.parametrize("domain", ["shop.test", "shop.example"])
def test_domains_for_tests_are_refused_in_production_only(domain: str, settings: Any) -> None:
    assert register(f"ada@{domain}").status_code == 201
    settings.UNDELIVERABLE_TOP_LEVEL_DOMAINS |= {"test", "example"}
    assert refusals(register(f"eve@{domain}"), 400) == [("invalid", "email")]
    assert register("ada@example.com").status_code == 201


def test_the_admin_and_its_command_keep_the_normal_form(staff: User, customer: User) -> None:
    browser = browser_of(staff)
    form = {"email": "new@exämple.com", "name": "New", "password1": PASSWORD, "password2": PASSWORD}
    assert browser.post("/admin/accounts/user/add/", form).status_code == 302
    assert User.objects.filter(email="new@xn--exmple-cua.com").exists()
    for taken in ("new@exämple.com", unicodedata.normalize("NFD", "new@exämple.com"), "NEW@xn--exmple-cua.com"):
        assert browser.post("/admin/accounts/user/add/", {**form, "email": taken}).status_code == 200
    call_command("createsuperuser", "--noinput", email="boss@ｅxample.org", name="Boss", verbosity=0)
    assert User.objects.get(email="boss@example.org").is_superuser
    with pytest.raises(CommandError):
        call_command("createsuperuser", "--noinput", email="boss@example.org", name="Boss")
    assert User.objects.count() == 4


def test_an_account_whose_address_gets_no_mail_can_still_be_deactivated(staff: User, customer: User) -> None:
    User.objects.filter(pk=customer.pk).update(email="ada@localhost")
    change = {"email": "ada@localhost", "name": "Ada", "phone": ""}
    assert browser_of(staff).post(f"/admin/accounts/user/{customer.pk}/change/", change).status_code == 302
    customer.refresh_from_db()
    assert (customer.is_active, customer.email) == (False, "ada@localhost")


# --- Accounts from before ---------------------------------------------------------------------------------------------


def migrate() -> None:
    importlib.import_module("accounts.migrations.0002_normal_email_addresses").normalize(apps, None)


def test_accounts_from_before_are_found_after_the_migration(make_user: Callable[..., User]) -> None:
    def keep(email: str, **fields: Any) -> User:
        user = make_user(**fields)
        User.objects.filter(pk=user.pk).update(email=email)
        return user

    untouched = make_user(email="plain@example.com")
    wide, soft = keep("wide@ｅxample.com"), keep("soft@exam\u00adple.com")
    decomposed = keep(unicodedata.normalize("NFD", "ada@exämple.com"))
    composed = keep("ada@exämple.com", email_verified=True)
    sharp = keep("ada@faß.de", email_verified=True)
    for _ in range(2):
        migrate()
        addresses = {user.pk: user.email for user in User.objects.all()}
        assert addresses == {
            untouched.pk: "plain@example.com",
            wide.pk: "wide@example.com",
            soft.pk: "soft@example.com",
            composed.pk: "ada@xn--exmple-cua.com",
            decomposed.pk: unicodedata.normalize("NFD", "ada@exämple.com"),
            # The address that its mails went to so far.
            sharp.pk: "ada@fass.de",
        }
    for written in ("wide@ｅxample.com", "soft@example.com", "ada@exämple.com", "ada@fass.de"):
        assert client_of().post(LOGIN, {"email": written, "password": PASSWORD}).status_code == 200
    with pytest.raises(CommandError, match="1 violation"):
        call_command("audit", stdout=StringIO())


def test_an_address_that_is_in_use_does_not_stop_the_migration(anonymous: APIClient, customer: User) -> None:
    other = User.objects.create_user("other@example.com", PASSWORD, name="Other")
    User.objects.filter(pk=other.pk).update(email="ada@ｅxample.com")
    migrate()
    assert User.objects.get(email="ada@example.com") == customer
    assert User.objects.get(pk=other.pk).email == "ada@ｅxample.com"
