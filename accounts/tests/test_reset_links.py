"""A reset link works once, for its time, and until something else replaces it."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from accounts import services
from accounts.errors import InvalidLink
from accounts.links import RESET, Link
from accounts.models import User
from accounts.tokens import issue_tokens, revoke_all
from conftest import PASSWORD
from shop.dev.testing.failures import failing
from shop.dev.testing.mails import all_at_the_link, link_in, work
from shop.dev.testing.password_reset import NEW_PASSWORD, confirm, logs_in, mailed_link, works
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import dump_database, run_concurrently
from shop.jobs import Job

pytestmark = pytest.mark.django_db


def test_of_twenty_confirmations_at_once_one_sets_its_password(customer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    link = mailed_link(customer)
    all_at_the_link(monkeypatch, RESET, 20)
    passwords = iter([f"{NEW_PASSWORD}-{n}" for n in range(20)])

    def follow() -> tuple[str, Any]:
        password = next(passwords)
        return password, confirm(link, password)

    answers = run_concurrently(*[follow] * 20)
    winners = [password for password, reply in answers if reply.status_code == 204]
    assert len(winners) == 1
    for _, reply in answers:
        assert reply.status_code == 204 or refusal(reply, 400) == ("invalid_token", "token")
    user = User.objects.get(pk=customer.pk)
    assert user.check_password(winners[0])
    assert user.token_version == customer.token_version + 1
    assert len(work()) == 1


def new_password(user: User) -> None:
    services.change_password(user=user, old_password=PASSWORD, new_password=NEW_PASSWORD)


def another_link_was_used(user: User) -> None:
    assert confirm(mailed_link(user)).status_code == 204


def another_address(user: User) -> None:
    User.objects.filter(pk=user.pk).update(email="countess@example.com")


def deactivated(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def deleted(user: User) -> None:
    services.delete_account(user=user)


@pytest.mark.parametrize(
    "change", [new_password, another_link_was_used, another_address, revoke_all, deactivated, deleted]
)
def test_a_link_is_void_after(customer: User, change: Callable[[User], None]) -> None:
    User.objects.filter(pk=customer.pk).update(email_verified=True)
    customer.refresh_from_db()
    link = mailed_link(customer)
    change(customer)
    work()
    before = dump_database()
    assert refusal(confirm(link), 400) == ("invalid_token", "token")
    assert dump_database() == before


def test_a_link_is_good_for_its_time_and_not_longer(customer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    link = mailed_link(customer)
    now = time.time()
    monkeypatch.setattr("django.core.signing.time.time", lambda: now + 3602)
    assert refusal(confirm(link), 400) == ("invalid_token", "token")
    monkeypatch.setattr("django.core.signing.time.time", lambda: now + 3595)
    assert confirm(link).status_code == 204


def test_several_links_may_be_on_their_way_and_the_first_that_is_used_voids_the_others(customer: User) -> None:
    links = [mailed_link(customer) for _ in range(2)]
    assert confirm(links[0]).status_code == 204
    assert refusal(confirm(links[1]), 400) == ("invalid_token", "token")


def test_what_is_not_the_token_of_that_link_is_refused(
    customer: User, make_user: Callable[..., User], subtests: pytest.Subtests
) -> None:
    link = mailed_link(customer)
    other = make_user()
    services.send_verification(user=customer)
    (mail,) = work()
    verification = link_in(mail, "verify-email")
    moment, signature = link["token"].split(".")
    later = f"{chr(ord(moment[0]) + 1)}{moment[1:]}"
    forged = {
        "another's": {"uid": str(other.pk)},
        "nobody's": {"uid": "0" * 24},
        "for another purpose": {"token": verification["token"]},
        "renewed": {"token": f"{later}.{signature}"},
        "cut": {"token": link["token"][:-1]},
        "longer": {"token": f"x.{link['token']}"},
        "in capitals": {"token": link["token"].swapcase()},
        "without a signature": {"token": moment},
        "not ASCII": {"token": f"{link['token']}é"},
    }
    before = dump_database()
    for name, changed in forged.items():
        with subtests.test(name):
            assert refusal(confirm({**link, **changed}), 400) == ("invalid_token", "token")
    for field, value, code in (
        ("uid", "x", "invalid_id"),
        ("uid", {"$gt": ""}, "invalid_id"),
        ("token", "x" * 201, "max_length"),
        ("token", "", "blank"),
        ("token", {"$gt": ""}, "invalid"),
        ("token", None, "null"),
        ("new_password", None, "null"),
    ):
        with subtests.test(f"{field}={value}"):
            assert refusal(confirm(link, **{field: value}), 400) == (code, field)
    assert dump_database() == before
    assert confirm(link).status_code == 204


def test_two_purposes_never_share_a_token_though_they_be_bound_to_the_same(customer: User) -> None:
    first, second = (
        Link(purpose, page="page", lifetime="PASSWORD_RESET_TIMEOUT", bound_to=lambda user: [])
        for purpose in ("first", "second")
    )
    token = first.url(customer).partition("token=")[2]
    assert first.owner(uid=customer.pk, token=token) == customer
    with pytest.raises(InvalidLink):
        second.owner(uid=customer.pk, token=token)


def test_a_link_is_signed_by_the_shop_s_secret_and_by_old_ones_while_it_is_rotated(
    customer: User, settings: Any
) -> None:
    link = mailed_link(customer)
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another-secret-that-is-long-enough-to-be-a-secret-key-here"
    assert refusal(confirm(link), 400) == ("invalid_token", "token")
    settings.SECRET_KEY_FALLBACKS = [old]
    assert confirm(link).status_code == 204


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("Xk7!q", "password_too_short"),
        ("password1", "password_too_common"),
        ("ada@example.com", "password_too_similar"),
    ],
)
def test_a_password_that_breaks_a_rule_is_refused_and_the_link_stays_good(
    customer: User, password: str, code: str
) -> None:
    link = mailed_link(customer)
    assert refusal(confirm(link, password), 400) == (code, "new_password")
    assert logs_in(customer, PASSWORD)
    assert confirm(link).status_code == 204


def test_an_invalid_link_does_not_reveal_the_password_rules(customer: User) -> None:
    link = {"uid": str(customer.pk), "token": "x.y"}
    assert refusal(confirm(link, "ada@example.com"), 400) == ("invalid_token", "token")


def test_a_reset_survives_a_write_conflict(customer: User) -> None:
    link = mailed_link(customer)
    with failing("update", User, errorCode=112, errorLabels=["TransientTransactionError"]):
        assert confirm(link).status_code == 204
    assert logs_in(customer, NEW_PASSWORD)


def test_nothing_of_a_reset_is_done_if_its_commit_fails(customer: User) -> None:
    link = mailed_link(customer)
    pair = issue_tokens(customer)
    with failing("insert", Job, errorCode=8000):
        assert confirm(link).status_code == 500
    assert logs_in(customer, PASSWORD)
    assert works(pair["access"])
    assert confirm(link).status_code == 204
