"""Login and password hashes."""

import time

import bcrypt
import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from rest_framework.test import APIClient

from accounts.models import TokenFamily, User
from conftest import PASSWORD, client_of
from shop.dev.testing.replies import refusal, refusals

pytestmark = [pytest.mark.django_db, pytest.mark.quick]

URL = "/api/v1/auth/login/"


@pytest.mark.parametrize("email", ["ada@example.com", "ADA@Example.COM", " ada@example.com "])
def test_a_login_answers_with_tokens_that_work_and_the_user(anonymous: APIClient, customer: User, email: str) -> None:
    reply = anonymous.post(URL, {"email": email, "password": PASSWORD})

    assert reply.status_code == 200
    assert set(reply.json()) == {"access", "refresh", "user"}
    anonymous.credentials(HTTP_AUTHORIZATION=f"Bearer {reply.json()['access']}")
    assert anonymous.get("/api/v1/users/me/").json() == reply.json()["user"]
    assert reply.json()["user"]["id"] == str(customer.pk)


def test_wrong_password_unknown_address_and_inactive_account_get_the_same_answer(
    anonymous: APIClient, customer: User, make_user
) -> None:
    make_user(email="gone@example.com", is_active=False)
    replies = [
        anonymous.post(URL, {"email": "ada@example.com", "password": "not-the-password"}),
        anonymous.post(URL, {"email": "nobody@example.com", "password": PASSWORD}),
        anonymous.post(URL, {"email": "gone@example.com", "password": PASSWORD}),
    ]
    for reply in replies:
        assert refusal(reply, 401) == ("invalid_credentials", None)
        assert reply["WWW-Authenticate"].startswith("Bearer")
    assert len({reply.content for reply in replies}) == 1
    assert TokenFamily.objects.count() == 0


@pytest.mark.parametrize("password", [PASSWORD.upper(), f" {PASSWORD}", f"{PASSWORD} ", PASSWORD[:-1]])
def test_a_password_counts_to_the_letter(anonymous: APIClient, customer: User, password: str) -> None:
    assert anonymous.post(URL, {"email": "ada@example.com", "password": password}).status_code == 401


@pytest.mark.parametrize("email", [".*", "ada@example.co.", "^ada", "$email", "ada@example%"])
def test_an_address_is_no_pattern(anonymous: APIClient, customer: User, email: str) -> None:
    assert anonymous.post(URL, {"email": email, "password": PASSWORD}).status_code == 401


@pytest.mark.parametrize("field", ["email", "password"])
def test_an_operator_is_no_credential(
    anonymous: APIClient, customer: User, field: str, subtests: pytest.Subtests
) -> None:
    for value in ({"$gt": ""}, ["ada@example.com"], None, True):
        with subtests.test(value=value):
            body = {"email": "ada@example.com", "password": PASSWORD, field: value}
            assert anonymous.post(URL, body).status_code in (400, 401)


def test_every_missing_credential_is_named(anonymous: APIClient, db: None) -> None:
    assert set(refusals(anonymous.post(URL, {}), 400)) == {("required", "email"), ("required", "password")}


def test_a_password_of_200_characters_is_not_cut_at_72(anonymous: APIClient, db: None) -> None:
    long = "correct horse battery staple " * 7
    user = User.objects.create_user("long@example.com", long, name="Long")
    assert user.password.startswith("bcrypt_sha256$")
    assert anonymous.post(URL, {"email": user.email, "password": long}).status_code == 200
    for other in (long[:-1], long[:72], long[:100] + "x" * 103):
        assert anonymous.post(URL, {"email": user.email, "password": other}).status_code == 401


def test_passwords_are_kept_as_bcrypt_of_sha256_at_the_cost_of_the_settings(customer: User, settings) -> None:
    algorithm, _, rest = customer.password.partition("$")
    assert algorithm == "bcrypt_sha256"
    assert rest.startswith(f"$2b${settings.BCRYPT_ROUNDS:02d}$")
    assert not bcrypt.checkpw(PASSWORD.encode(), rest.encode())


def test_a_hash_of_another_kind_is_renewed_at_login_and_only_then(anonymous: APIClient, customer: User) -> None:
    old = PBKDF2PasswordHasher().encode(PASSWORD, "saltsaltsalt", iterations=10)
    User.objects.update(password=old)

    assert anonymous.post(URL, {"email": customer.email, "password": "not-the-password"}).status_code == 401
    assert User.objects.get().password == old
    assert anonymous.post(URL, {"email": customer.email, "password": PASSWORD}).status_code == 200
    assert User.objects.get().password.startswith("bcrypt_sha256$")
    assert anonymous.post(URL, {"email": customer.email, "password": PASSWORD}).status_code == 200


@pytest.mark.parametrize("rounds", [5, 7])
def test_a_hash_of_another_cost_is_renewed_at_login(
    anonymous: APIClient, customer: User, settings, rounds: int
) -> None:
    settings.BCRYPT_ROUNDS = rounds
    customer.set_password(PASSWORD)
    customer.save()
    settings.BCRYPT_ROUNDS = 6
    assert anonymous.post(URL, {"email": customer.email, "password": "not-the-password"}).status_code == 401
    assert User.objects.get().password == customer.password
    assert anonymous.post(URL, {"email": customer.email, "password": PASSWORD}).status_code == 200
    assert User.objects.get().password.startswith("bcrypt_sha256$$2b$06$")
    assert anonymous.post(URL, {"email": customer.email, "password": PASSWORD}).status_code == 200


def test_a_hash_that_is_renewed_does_not_bring_an_old_password_back(customer: User, settings) -> None:
    settings.BCRYPT_ROUNDS = 5
    customer.set_password(PASSWORD)
    customer.save()
    settings.BCRYPT_ROUNDS = 4
    # A login runs while the owner changes the password.
    read_before = User.objects.get()
    change = {"old_password": PASSWORD, "new_password": "another-horse-battery"}
    assert client_of(customer).post("/api/v1/auth/password/change/", change).status_code == 204

    assert read_before.check_password(PASSWORD)
    assert User.objects.get().check_password("another-horse-battery")
    assert not User.objects.get().check_password(PASSWORD)


@pytest.mark.parametrize("password", [PASSWORD, "correct horse battery staple " * 7, "ü" * 36 + "x"])
def test_an_imported_plain_bcrypt_hash_lets_its_owner_in_and_is_renewed(
    anonymous: APIClient, customer: User, password: str
) -> None:
    plain = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).decode()
    User.objects.update(password=f"bcrypt${plain}")
    assert anonymous.post(URL, {"email": customer.email, "password": "x" + password}).status_code == 401
    assert anonymous.post(URL, {"email": customer.email, "password": password}).status_code == 200
    assert User.objects.get().password.startswith("bcrypt_sha256$")
    # From now on the whole password counts.
    assert anonymous.post(URL, {"email": customer.email, "password": password + "x"}).status_code == 401
    assert anonymous.post(URL, {"email": customer.email, "password": password}).status_code == 200


LONG = "correct horse battery staple " * 7
# Made by bcrypt 3.2.2, which truncated passwords.
EARLIER_HASHES = {
    "bcrypt_sha256$$2b$04$abcdefghijklmnopqrstuulTusdZn4mLSvGqbnDE7O9yjZRovhhY.": (LONG, LONG[:72]),
    "bcrypt$$2b$04$abcdefghijklmnopqrstuu6rixEKGOItKC5i1MvdHHlmR36LXX0vG": (LONG, LONG[:71]),
    "bcrypt$$2a$04$abcdefghijklmnopqrstuu6rixEKGOItKC5i1MvdHHlmR36LXX0vG": (LONG[:72], LONG[:71]),
    # PHP's.
    "bcrypt$$2y$04$abcdefghijklmnopqrstuuOpC9dTG2WsKNcYAQYyllT7OMl4pRk1S": ("ü" * 40, "ü" * 35),
}


@pytest.mark.parametrize("kept", EARLIER_HASHES)
def test_a_hash_of_an_earlier_bcrypt_lets_its_owner_in(anonymous: APIClient, customer: User, kept: str) -> None:
    password, other = EARLIER_HASHES[kept]
    User.objects.update(password=kept)
    assert anonymous.post(URL, {"email": customer.email, "password": other}).status_code == 401
    assert anonymous.post(URL, {"email": customer.email, "password": password}).status_code == 200
    assert User.objects.get().password.startswith("bcrypt_sha256$")
    assert anonymous.post(URL, {"email": customer.email, "password": password}).status_code == 200


@pytest.mark.parametrize("kept", ["", "!unusable", "plain-text-password", "argon2$argon2id$v=19$m=102400,t=2,p=8$x$y"])
def test_an_unknown_password_hash_never_matches(anonymous: APIClient, customer: User, kept: str) -> None:
    User.objects.update(password=kept)
    for password in (PASSWORD, kept or "x"):
        assert anonymous.post(URL, {"email": customer.email, "password": password}).status_code == 401
    assert User.objects.get().password == kept


def test_a_login_costs_the_same_whether_or_not_there_is_such_an_account(
    anonymous: APIClient, customer: User, make_user, settings
) -> None:
    # The cost of new hashes is now higher than that of the customer's hash.
    settings.BCRYPT_ROUNDS = 9
    make_user(email="dear@example.com")
    make_user(email="gone@example.com", is_active=False)
    make_user(email="none@example.com")
    User.objects.filter(email="none@example.com").update(password="!")

    def seconds(email: str) -> float:
        started = time.thread_time()
        assert anonymous.post(URL, {"email": email, "password": "not-the-password"}).status_code == 401
        return time.thread_time() - started

    emails = ("dear@example.com", "nobody@example.com", "gone@example.com", "none@example.com", customer.email)
    fastest = {email: min(seconds(email) for _ in range(4)) for email in emails}
    usual = fastest["dear@example.com"]
    assert {email: usual * 0.6 < took < usual * 1.6 for email, took in fastest.items()} == dict.fromkeys(emails, True)
