"""Registration."""

import pytest
from rest_framework.test import APIClient

from accounts.models import TokenFamily, User
from conftest import PASSWORD, client_of
from shop.dev.testing.replies import refusal, refusals
from shop.dev.testing.steps import run_concurrently

pytestmark = [pytest.mark.django_db, pytest.mark.quick]

URL = "/api/v1/auth/register/"
PERSON = {"email": "new@example.com", "password": PASSWORD, "name": "New Person"}


def test_a_registration_answers_with_tokens_that_work_and_the_user(anonymous: APIClient) -> None:
    reply = anonymous.post(URL, PERSON)

    assert reply.status_code == 201
    assert set(reply.json()) == {"access", "refresh", "user"}
    user = User.objects.get()
    assert reply.json()["user"] == {
        "id": str(user.pk),
        "email": "new@example.com",
        "name": "New Person",
        "phone": "",
        "avatar": None,
        "email_verified": False,
        "is_staff": False,
        "date_joined": reply.json()["user"]["date_joined"],
    }
    anonymous.credentials(HTTP_AUTHORIZATION=f"Bearer {reply.json()['access']}")
    assert anonymous.get("/api/v1/users/me/").json() == reply.json()["user"]
    assert anonymous.post("/api/v1/auth/refresh/", {"refresh": reply.json()["refresh"]}).status_code == 200


def test_the_reply_contains_nothing_of_the_password(anonymous: APIClient) -> None:
    reply = anonymous.post(URL, PERSON)
    assert PASSWORD not in reply.content.decode()
    assert User.objects.get().password not in reply.content.decode()


def test_the_email_address_is_kept_in_lower_case_and_without_spaces(anonymous: APIClient) -> None:
    reply = anonymous.post(URL, {**PERSON, "email": "  New.Person@Example.COM "})
    assert reply.json()["user"]["email"] == User.objects.get().email == "new.person@example.com"


@pytest.mark.parametrize("email", ["ada@example.com", "ADA@Example.com", " ada@example.com"])
def test_an_address_that_is_taken_is_refused_however_it_is_written(
    anonymous: APIClient, customer: User, email: str
) -> None:
    assert refusal(anonymous.post(URL, {**PERSON, "email": email}), 400) == ("email_taken", "email")
    assert User.objects.count() == 1
    assert TokenFamily.objects.count() == 0


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("Xk7!q", "password_too_short"),
        ("password1", "password_too_common"),
        ("8264917350", "password_entirely_numeric"),
        ("new@example.com", "password_too_similar"),
        ("new@example.co", "password_too_similar"),
        ("New Person", "password_too_similar"),
        ("newperson1", "password_too_similar"),
        ("", "blank"),
        ("x" * 1025, "max_length"),
        (None, "null"),
        (["a"], "invalid"),
        ({"$gt": ""}, "invalid"),
    ],
)
def test_a_password_that_breaks_a_rule_is_refused(anonymous: APIClient, password: object, code: str) -> None:
    assert refusals(anonymous.post(URL, {**PERSON, "password": password}), 400) == [(code, "password")]
    assert not User.objects.exists()


def test_every_broken_rule_of_a_password_is_named(anonymous: APIClient) -> None:
    assert set(refusals(anonymous.post(URL, {**PERSON, "password": "12345"}), 400)) == {
        ("password_too_short", "password"),
        ("password_too_common", "password"),
        ("password_entirely_numeric", "password"),
    }


def test_every_missing_field_is_named(anonymous: APIClient) -> None:
    assert set(refusals(anonymous.post(URL, {}), 400)) == {
        ("required", "email"),
        ("required", "password"),
        ("required", "name"),
    }


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("email", "not an address", "invalid"),
        ("email", "a" * 250 + "@example.com", "max_length"),
        ("email", 5, "invalid"),
        ("email", {"$ne": None}, "invalid"),
        ("email", None, "null"),
        ("name", "", "blank"),
        ("name", "   ", "blank"),
        ("name", "n" * 121, "max_length"),
        ("name", {"$gt": ""}, "invalid"),
    ],
)
def test_a_field_that_cannot_be_is_refused_by_name(anonymous: APIClient, field: str, value: object, code: str) -> None:
    assert (code, field) in refusals(anonymous.post(URL, {**PERSON, field: value}), 400)
    assert not User.objects.exists()


@pytest.mark.parametrize("field", ["email", "password", "name"])
def test_a_nul_character_is_refused(anonymous: APIClient, field: str) -> None:
    refusal(anonymous.post(URL, {**PERSON, field: PERSON[field] + "\0"}), 400)
    assert not User.objects.exists()


def test_no_one_registers_as_staff(anonymous: APIClient) -> None:
    wish = {"is_staff": True, "is_superuser": True, "email_verified": True, "id": "0" * 24, "token_version": 7}
    assert anonymous.post(URL, {**PERSON, **wish}).json()["user"]["is_staff"] is False
    user = User.objects.get()
    assert (user.is_staff, user.is_superuser, user.email_verified, user.token_version) == (False, False, False, 0)
    assert str(user.pk) != "0" * 24


def test_a_logged_in_user_may_register_another_account(as_customer: APIClient) -> None:
    assert as_customer.post(URL, PERSON).status_code == 201


def test_a_stale_token_does_not_prevent_registering(anonymous: APIClient) -> None:
    anonymous.credentials(HTTP_AUTHORIZATION="Bearer stale")
    assert anonymous.post(URL, PERSON).status_code == 201


def test_of_two_registrations_at_once_one_gets_the_address(db: None) -> None:
    statuses = run_concurrently(*[lambda: client_of().post(URL, PERSON).status_code] * 4)
    assert sorted(statuses) == [201, 400, 400, 400]
    assert User.objects.count() == 1
