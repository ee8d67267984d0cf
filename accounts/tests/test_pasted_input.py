"""Input as users paste or type it: phone numbers, passwords, empty fields, countries, headers."""

import time
import unicodedata
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from accounts.models import User
from accounts.tokens import issue_tokens
from conftest import ADDRESS, client_of
from shop.dev.testing.admin import browser_of, errors_of, filled_in, url_of
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, dump_database, run_concurrently

pytestmark = pytest.mark.django_db

ME, ADDRESSES = f"{API}/users/me/", f"{API}/users/me/addresses/"

# --- Phone numbers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pasted", "kept"),
    [
        ("+44 20 7946 0000", "+44 20 7946 0000"),
        ("+49\u00a030\u00a01234567", "+49 30 1234567"),
        ("\u202a+1 555 123 4567\u202c", "+1 555 123 4567"),
        ("030\u20131234567", "030-1234567"),
        ("+49\u202f30\u2011123 45", "+49 30-123 45"),
        ("(555) 123-4567 ext. 12", "(555) 123-4567 ext. 12"),
        ("555-123-4567 x12", "555-123-4567 ext. 12"),
        ("555-123-4567;ext=12", "555-123-4567 ext. 12"),
        ("030 1234567 Durchwahl 89", "030 1234567 ext. 89"),
        ("٠١٢٣٤٥٦٧٨٩", "0123456789"),
        ("＋８１　３－１２３４－５６７８", "+81 3-1234-5678"),
        ("tel:+1-555-123-4567", "+1-555-123-4567"),
        ("(+49) 30 123456", "+49 30 123456"),
        ("Tel.: 030 123456", "030 123456"),
        ("Phone +1 555 123 4567", "+1 555 123 4567"),
        ("Mobil: 0170 1234567", "0170 1234567"),
        ("callto:+4930123456", "+4930123456"),
        ("\u260e\ufe0f 030 123456", "030 123456"),
        ("\U0001f4de +49 30 123456", "+49 30 123456"),
        ("03\u30fb1234\u30fb5678", "03.1234.5678"),
        ("555 123 4567 extn 5", "555 123 4567 ext. 5"),
        ("+1 555 123 4567,,12#", "+1 555 123 4567 ext. 12"),
        ("8 495 123-45-67 доб. 12", "8 495 123-45-67 ext. 12"),
        ("+49 (0) 30 / 123 456 - 78 ext. 1234", "+493012345678 ext. 1234"),
        ("", ""),
        (None, ""),
    ],
)
def test_a_phone_number_is_taken_as_it_is_pasted(as_customer: APIClient, pasted: str | None, kept: str) -> None:
    reply = as_customer.patch(ME, {"phone": pasted})
    assert (reply.status_code, reply.json().get("phone")) == (200, kept), reply.content
    reply = as_customer.post(ADDRESSES, {**ADDRESS, "phone": pasted})
    assert (reply.status_code, reply.json().get("phone")) == (201, kept), reply.content


def test_staff_paste_a_phone_number_as_customers_do(staff: User, customer: User) -> None:
    browser, url = browser_of(staff), url_of("accounts.user", "change", customer.pk)
    data = filled_in(browser.get(url))
    long = "\u260e\ufe0f Tel.: +49\u00a0(0)\u00a030 / 123\u2013456\u2013789 ext. 1234"
    for pasted, kept in (("030\u20131234567", "030-1234567"), (long, "+4930123456789 ext. 1234"), ("", "")):
        assert browser.post(url, {**data, "phone": pasted}).status_code == 302
        customer.refresh_from_db()
        assert customer.phone == kept
    assert set(errors_of(browser.post(url, {**data, "phone": "call me"}))) == {"phone"}


@pytest.mark.parametrize(
    "text", ["abc", "....", "12", "1" * 40, ", " * 5000, "<b>123456</b>", "123456\n789\nevil", "Tel.:", "hotel 123456"]
)
def test_what_is_no_phone_number_is_refused(as_customer: APIClient, text: str) -> None:
    before = dump_database()
    assert as_customer.patch(ME, {"phone": text}).status_code == 400
    assert dump_database() == before


# --- Empty fields, countries ------------------------------------------------------------------------------------------


def test_null_is_empty_for_optional_fields_only(as_customer: APIClient) -> None:
    optional = dict.fromkeys(("line2", "state", "company", "tax_id", "phone", "is_default"))
    reply = as_customer.post(ADDRESSES, {**ADDRESS, **optional})
    assert reply.status_code == 201, reply.content
    entry = reply.json()
    assert [entry[name] for name in optional] == ["", "", "", "", "", True]
    url = f"{ADDRESSES}{entry['id']}/"
    assert as_customer.patch(url, {"line2": "Flat 3"}).json()["line2"] == "Flat 3"
    assert as_customer.patch(url, {"line2": None}).json()["line2"] == ""
    assert refusal(as_customer.patch(url, {"city": None}), 400) == ("required", "city")
    assert refusal(as_customer.patch(ME, {"name": None}), 400) == ("null", "name")


@pytest.mark.parametrize(
    ("typed", "kept"), [("de", "DE"), ("DE", "DE"), ("De", "DE"), (" gB ", "GB"), ("XK", "XK"), ("xk", "XK")]
)
def test_a_country_in_lower_case_and_kosovo(as_customer: APIClient, typed: str, kept: str) -> None:
    reply = as_customer.post(ADDRESSES, {**ADDRESS, "country": typed})
    assert (reply.status_code, reply.json().get("country")) == (201, kept), reply.content


@pytest.mark.parametrize("typed", ["xx", "Xx", "d", "deu", "ⅾe", "ｄｅ", ""])
def test_what_is_no_country_is_refused(as_customer: APIClient, typed: str) -> None:
    assert as_customer.post(ADDRESSES, {**ADDRESS, "country": typed}).status_code == 400


def test_when_the_default_address_is_deleted_the_newest_is_the_default(as_customer: APIClient) -> None:
    first, second, third = (as_customer.post(ADDRESSES, {**ADDRESS, "name": name}).json()["id"] for name in "ABC")

    def defaults() -> list[str]:
        return [each["id"] for each in as_customer.get(ADDRESSES).json()["results"] if each["is_default"]]

    assert as_customer.delete(f"{ADDRESSES}{second}/").status_code == 204
    assert defaults() == [first]
    assert as_customer.delete(f"{ADDRESSES}{first}/").status_code == 204
    assert defaults() == [third]
    assert as_customer.delete(f"{ADDRESSES}{third}/").status_code == 204
    assert as_customer.get(ADDRESSES).json()["count"] == 0


def test_when_the_default_address_stops_being_the_default_the_newest_other_one_is(as_customer: APIClient) -> None:
    first, second = (as_customer.post(ADDRESSES, {**ADDRESS, "name": name}).json()["id"] for name in "AB")

    def defaults() -> list[str]:
        return [each["id"] for each in as_customer.get(ADDRESSES).json()["results"] if each["is_default"]]

    for address, other in ((first, second), (second, first)):
        reply = as_customer.patch(f"{ADDRESSES}{address}/", {"is_default": False})
        assert (reply.status_code, reply.json()["is_default"], defaults()) == (200, False, [other])
    # An address that was not the default does not change.
    assert as_customer.put(f"{ADDRESSES}{second}/", {**ADDRESS, "is_default": False}).status_code == 200
    assert defaults() == [first]
    # The only one stays the default.
    assert as_customer.delete(f"{ADDRESSES}{second}/").status_code == 204
    assert as_customer.patch(f"{ADDRESSES}{first}/", {"is_default": False}).json()["is_default"] is True


def test_there_is_one_default_address_whatever_happens_to_it_at_once(as_customer: APIClient) -> None:
    ids = [as_customer.post(ADDRESSES, {**ADDRESS, "name": name}).json()["id"] for name in "ABCD"]
    calls = [lambda pk=pk: as_customer.patch(f"{ADDRESSES}{pk}/", {"is_default": False}).status_code for pk in ids]
    calls.append(lambda: as_customer.delete(f"{ADDRESSES}{ids[0]}/").status_code)
    assert set(run_concurrently(*calls)) <= {200, 204, 404}
    assert sum(each["is_default"] for each in as_customer.get(ADDRESSES).json()["results"]) == 1


# --- Passwords --------------------------------------------------------------------------------------------------------

COMPOSED = unicodedata.normalize("NFC", "pässwörd-für-ümläute")
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)
WIDE = "ｃｏｒｒｅｃｔ-horse"


def log_in(password: str, email: str = "new@example.com") -> int:
    return client_of().post(f"{API}/auth/login/", {"email": email, "password": password}).status_code


@pytest.mark.parametrize(
    ("chosen", "typed"),
    [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED), (WIDE, "correct-horse"), ("correct-horse", WIDE)],
)
def test_a_password_is_the_same_from_every_keyboard(chosen: str, typed: str) -> None:
    person = {"email": "new@example.com", "password": chosen, "name": "New"}
    reply = client_of().post(f"{API}/auth/register/", person)
    assert reply.status_code == 201
    assert (log_in(chosen), log_in(typed), log_in(typed + "x")) == (200, 200, 401)
    client = client_of(User.objects.get())
    body = {"old_password": typed, "new_password": f"{chosen}-2"}
    assert client.post(f"{API}/auth/password/change/", body).status_code == 204
    assert (log_in(f"{typed}-2"), log_in(typed)) == (200, 401)


def test_a_hash_of_another_form_still_works_and_is_replaced(customer: User) -> None:
    User.objects.update(password=make_password(DECOMPOSED))
    assert (log_in(COMPOSED, customer.email), log_in(DECOMPOSED, customer.email)) == (401, 200)
    assert (log_in(COMPOSED, customer.email), log_in(DECOMPOSED, customer.email)) == (200, 200)


def test_an_account_that_does_not_exist_costs_as_many_hashes(customer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    from accounts.hashers import BCryptSHA256

    hashed: list[str] = []
    encode = BCryptSHA256.encode
    monkeypatch.setattr(BCryptSHA256, "encode", lambda *args: hashed.append(args[1]) or encode(*args))
    for password in ("wrong", DECOMPOSED):
        counts = []
        for email in (customer.email, "nobody@example.com"):
            hashed.clear()
            assert log_in(password, email) == 401
            counts.append(len(hashed))
        assert counts[0] == counts[1]


# --- Headers and clocks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_case_of_the_scheme_does_not_matter(customer: User, scheme: str) -> None:
    access = issue_tokens(customer)["access"]
    assert client_of().get(ME, headers={"Authorization": f"{scheme} {access}"}).status_code == 200
    for bad in (f"{scheme}{access}", f"{scheme} {access} x", f"{scheme}", f"Basic {access}"):
        assert client_of().get(ME, headers={"Authorization": bad}).status_code == 401


def token_of(user: User, **claims: Any) -> str:
    token = AccessToken.for_user(user)
    token["version"] = user.token_version
    for name, value in claims.items():
        token[name] = value
    return str(token)


@pytest.mark.parametrize(("ahead", "status"), [(3, 200), (60, 401)])
def test_the_clock_of_another_server_may_be_some_seconds_ahead(customer: User, ahead: int, status: int) -> None:
    now = int(time.time())
    token = token_of(customer, iat=now + ahead, nbf=now + ahead)
    assert client_of().get(ME, headers={"Authorization": f"Bearer {token}"}).status_code == status
    expired = token_of(customer, exp=now - 1)
    assert client_of().get(ME, headers={"Authorization": f"Bearer {expired}"}).status_code == 401
