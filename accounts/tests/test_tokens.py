"""Refresh tokens work once, and the end of a login revokes its tokens."""

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from accounts.errors import AccountGone
from accounts.models import TokenFamily, User
from accounts.services import change_profile
from accounts.tokens import issue_tokens
from conftest import PASSWORD, client_of
from shop.dev.testing.admin import browser_of
from shop.dev.testing.failures import failing
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import run_concurrently

pytestmark = [pytest.mark.django_db, pytest.mark.quick]

ME = "/api/v1/users/me/"
NEW_PASSWORD = "another-horse-battery"


def refresh(token: str):
    return client_of().post("/api/v1/auth/refresh/", {"refresh": token})


def bearer(access: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {access}")
    return client


def test_a_refresh_answers_with_a_new_pair_that_works(customer: User) -> None:
    first = issue_tokens(customer)
    reply = refresh(first["refresh"])
    assert reply.status_code == 200
    assert set(reply.json()) == {"access", "refresh"}
    assert reply.json()["refresh"] != first["refresh"]
    assert bearer(reply.json()["access"]).get(ME).status_code == 200
    assert refresh(reply.json()["refresh"]).status_code == 200
    assert TokenFamily.objects.count() == 1


def test_reuse_of_an_old_refresh_token_kills_the_newest_one_too(customer: User) -> None:
    first = issue_tokens(customer)["refresh"]
    second = refresh(first).json()["refresh"]
    third = refresh(second).json()["refresh"]

    assert refusal(refresh(first), 401) == ("token_not_valid", None)
    assert refusal(refresh(third), 401) == ("token_not_valid", None)
    assert TokenFamily.objects.count() == 0


def test_reuse_leaves_the_other_logins_of_the_user_alone(customer: User) -> None:
    stolen, other = issue_tokens(customer)["refresh"], issue_tokens(customer)["refresh"]
    refresh(stolen)
    assert refresh(stolen).status_code == 401
    assert refresh(other).status_code == 200


def test_of_twenty_refreshes_with_one_token_at_once_at_most_one_succeeds(customer: User) -> None:
    token = issue_tokens(customer)["refresh"]
    statuses = run_concurrently(*[lambda: refresh(token).status_code] * 20)
    assert set(statuses) <= {200, 401}
    assert statuses.count(200) <= 1
    assert TokenFamily.objects.count() == 0


def test_logout_ends_one_login(customer: User) -> None:
    mine, other = issue_tokens(customer), issue_tokens(customer)
    reply = client_of().post("/api/v1/auth/logout/", {"refresh": mine["refresh"]})
    assert (reply.status_code, reply.content) == (204, b"")
    assert refresh(mine["refresh"]).status_code == 401
    assert refresh(other["refresh"]).status_code == 200


def test_logging_out_twice_is_fine(customer: User) -> None:
    token = issue_tokens(customer)["refresh"]
    for _ in range(2):
        assert client_of().post("/api/v1/auth/logout/", {"refresh": token}).status_code == 204


@pytest.mark.parametrize("path", ["refresh", "logout"])
def test_what_is_no_refresh_token_is_refused(db: None, path: str, subtests: pytest.Subtests) -> None:
    for token in ("", "garbage", "a.b.c", "x" * 5000, None, 5, {"$gt": ""}):
        with subtests.test(token=token):
            reply = client_of().post(f"/api/v1/auth/{path}/", {"refresh": token})
            assert reply.status_code in (400, 401)
            refusal(reply, reply.status_code)


def test_logout_all_ends_every_login_and_every_token(customer: User, make_user: Callable[..., User]) -> None:
    pairs = [issue_tokens(customer) for _ in range(3)]
    other = issue_tokens(make_user())

    assert bearer(pairs[0]["access"]).post("/api/v1/auth/logout-all/").status_code == 204

    for pair in pairs:
        assert refusal(bearer(pair["access"]).get(ME), 401) == ("token_not_valid", None)
        assert refresh(pair["refresh"]).status_code == 401
    assert bearer(other["access"]).get(ME).status_code == 200
    assert refresh(other["refresh"]).status_code == 200
    assert client_of().post("/api/v1/auth/login/", {"email": customer.email, "password": PASSWORD}).status_code == 200


def test_logout_all_ends_the_sessions_of_the_admin_as_well(staff: User) -> None:
    browser = browser_of(staff)
    assert browser.get("/admin/").status_code == 200
    assert client_of(staff).post("/api/v1/auth/logout-all/").status_code == 204
    assert browser.get("/admin/").status_code == 302


# --- Changing the password --------------------------------------------------------------------------------------------


def change_password(client: APIClient, old: str = PASSWORD, new: str = NEW_PASSWORD):
    return client.post("/api/v1/auth/password/change/", {"old_password": old, "new_password": new})


def test_a_password_change_kills_every_earlier_token(customer: User) -> None:
    pair = issue_tokens(customer)

    assert change_password(bearer(pair["access"])).status_code == 204

    assert refusal(bearer(pair["access"]).get(ME), 401) == ("token_not_valid", None)
    assert refresh(pair["refresh"]).status_code == 401
    login = "/api/v1/auth/login/"
    assert client_of().post(login, {"email": customer.email, "password": PASSWORD}).status_code == 401
    new = client_of().post(login, {"email": customer.email, "password": NEW_PASSWORD}).json()
    assert bearer(new["access"]).get(ME).status_code == 200
    assert refresh(new["refresh"]).status_code == 200


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("not-the-password", NEW_PASSWORD, ("wrong_password", "old_password")),
        ("", NEW_PASSWORD, ("blank", "old_password")),
        (PASSWORD, "short", ("password_too_short", "new_password")),
        (PASSWORD, "ada@example.com", ("password_too_similar", "new_password")),
    ],
)
def test_a_password_change_that_is_refused_changes_nothing(
    customer: User, old: str, new: str, problem: tuple[str, str]
) -> None:
    pair = issue_tokens(customer)
    assert refusal(change_password(bearer(pair["access"]), old, new), 400) == problem
    assert User.objects.get().check_password(PASSWORD)
    assert bearer(pair["access"]).get(ME).status_code == 200
    assert refresh(pair["refresh"]).status_code == 200


def test_a_password_change_survives_a_write_conflict(customer: User, as_customer: APIClient) -> None:
    with failing("update", User, errorCode=112, errorLabels=["TransientTransactionError"]):
        assert change_password(as_customer).status_code == 204
    assert User.objects.get().check_password(NEW_PASSWORD)


def test_of_two_password_changes_at_once_one_wins(customer: User) -> None:
    clients = iter([(client_of(customer), f"{NEW_PASSWORD}-{n}") for n in range(2)])

    def change() -> int:
        client, new = next(clients)
        return change_password(client, new=new).status_code

    statuses = run_concurrently(*[change] * 2)
    assert statuses.count(204) == 1
    assert set(statuses) <= {204, 400, 401}


def test_an_edit_of_the_profile_does_not_bring_an_old_password_back(customer: User) -> None:
    read_before = User.objects.get(pk=customer.pk)
    assert change_password(client_of(customer)).status_code == 204
    # The token was revoked during the edit.
    with pytest.raises(AccountGone):
        change_profile(user=read_before, fields={"name": "Countess"})
    change_profile(user=User.objects.get(), fields={"name": "Duchess"})

    user = User.objects.get()
    assert (user.name, user.check_password(NEW_PASSWORD), user.token_version) == ("Duchess", True, 1)
