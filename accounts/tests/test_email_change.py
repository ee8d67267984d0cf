"""Change of the e-mail address: it needs the password and a link that is sent to the new address."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.links import EMAIL_CHANGE
from accounts.models import KnownNetwork, User
from conftest import PASSWORD, client_of
from shop.dev.testing.admin import browser_of, filled_in, url_of
from shop.dev.testing.mails import all_at_the_link, html_of, link_in, work
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, dump_database, run_concurrently
from shop.jobs import Job

pytestmark = pytest.mark.django_db

ME, CHANGE, CONFIRM = f"{API}/users/me/", f"{API}/auth/email/change/", f"{API}/auth/email/change/confirm/"
NEW = "countess@example.com"
WARNING, QUESTION = "Your e-mail address is about to change", "Confirm your new e-mail address"


def change(client: APIClient, **body: Any) -> Any:
    return client.post(CHANGE, {"email": NEW, "password": PASSWORD, **body})


def confirm(link: dict[str, str], **changed: Any) -> Any:
    return client_of().post(CONFIRM, {**link, **changed})


def mailed() -> dict[str, Any]:
    """Let a worker send what waits; return the mails by their recipient."""
    return {mail.recipients()[0]: mail for mail in work()}


def mailed_link(client: APIClient, **body: Any) -> dict[str, str]:
    assert change(client, **body).status_code == 202
    return link_in(mailed()[body.get("email", NEW)], "change-email")


def log_in(email: str) -> int:
    return client_of().post(f"{API}/auth/login/", {"email": email, "password": PASSWORD}).status_code


def test_the_new_address_is_the_accounts_once_its_link_is_followed(customer: User, as_customer: APIClient) -> None:
    other = client_of(customer)
    assert log_in(customer.email) == 200
    reply = change(as_customer, email=" Countess@Example.com ")
    assert (reply.status_code, reply.content) == (202, b"")
    mails = mailed()
    assert {to: mail.subject for to, mail in mails.items()} == {customer.email: WARNING, NEW: QUESTION}
    # Neither mail names the other address.
    assert NEW not in f"{mails[customer.email].body}{html_of(mails[customer.email])}"
    assert customer.email not in f"{mails[NEW].body}{html_of(mails[NEW])}"
    assert as_customer.get(ME).json()["email"] == customer.email
    assert log_in(NEW) == 401

    reply = confirm(link_in(mails[NEW], "change-email"))
    assert (reply.status_code, reply.content) == (204, b"")

    assert (log_in(NEW), log_in(customer.email)) == (200, 401)
    assert [client.get(ME).status_code for client in (as_customer, other)] == [401, 401]
    row = User.objects.get()
    assert (row.email, row.new_email, row.email_verified, row.name) == (NEW, "", True, "Ada")
    (notice,) = work()
    assert (notice.recipients(), notice.subject) == ([customer.email], "Your e-mail address was changed")
    assert not Job.objects.exists()


def test_the_warning_goes_to_the_former_address_even_if_the_link_is_used_first(
    customer: User, as_customer: APIClient
) -> None:
    assert change(as_customer).status_code == 202
    row = User.objects.get()
    link = EMAIL_CHANGE.url(row).partition("?")[2]
    assert confirm(dict(pair.split("=") for pair in link.split("&"))).status_code == 204
    assert [mail.recipients() for mail in work()] == [[customer.email]] * 2


def test_a_wrong_password_changes_nothing_and_sends_no_mail(as_customer: APIClient) -> None:
    before = dump_database()
    assert refusal(change(as_customer, password="wrong"), 400) == ("wrong_password", "password")
    assert refusal(change(as_customer, email="ada@example.com"), 400) == ("unchanged", "email")
    assert refusal(change(as_customer, email="countess"), 400) == ("invalid", "email")
    assert refusal(change(client_of()), 401)[0] == "not_authenticated"
    assert dump_database() == before


def test_an_address_of_another_account_gets_the_same_reply_and_no_link(
    customer: User, as_customer: APIClient, make_user: Any
) -> None:
    taken = make_user(email=NEW)
    free, other = change(as_customer, email="free@example.com"), change(as_customer)
    assert (free.status_code, free.content) == (other.status_code, other.content) == (202, b"")
    # The later request counts, and its address is taken.
    assert [mail.recipients() for mail in work()] == [[customer.email]] * 2
    assert not User.objects.exclude(pk=taken.pk).filter(email=NEW).exists()


def test_an_address_that_was_taken_since_is_refused_like_any_dead_link(
    as_customer: APIClient, make_user: Any, customer: User
) -> None:
    link = mailed_link(as_customer)
    make_user(email=NEW)
    assert refusal(confirm(link), 400) == ("invalid_token", "token")
    assert as_customer.get(ME).json()["email"] == customer.email


def test_what_makes_the_link_invalid(customer: User, as_customer: APIClient) -> None:
    link = mailed_link(as_customer)
    for bad in ({"token": "x"}, {"uid": "0" * 24}):
        assert refusal(confirm(link, **bad), 400) == ("invalid_token", "token")
    # A later request.
    later = mailed_link(as_customer, email="later@example.com")
    assert refusal(confirm(link), 400) == ("invalid_token", "token")
    # A new password: the owner has read the warning.
    as_customer.post(f"{API}/auth/password/reset/", {"email": customer.email})
    reset = link_in(work()[-1], "reset-password")
    body = {**reset, "new_password": "another-horse-battery"}
    assert client_of().post(f"{API}/auth/password/reset/confirm/", body).status_code == 204
    assert refusal(confirm(later), 400) == ("invalid_token", "token")
    assert User.objects.get().email == customer.email


def test_an_address_that_staff_set_ends_the_change(customer: User, as_customer: APIClient, staff: User) -> None:
    link = mailed_link(as_customer)
    browser, url = browser_of(staff), url_of("accounts.user", "change", customer.pk)
    assert browser.post(url, filled_in(browser.get(url)) | {"email": "ada@example.org"}).status_code == 302
    assert refusal(confirm(link), 400) == ("invalid_token", "token")
    customer.refresh_from_db()
    assert (customer.email, customer.new_email, customer.email_verified) == ("ada@example.org", "", False)


def test_the_change_revokes_the_links_of_the_former_address(customer: User, as_customer: APIClient) -> None:
    as_customer.post(f"{API}/auth/password/reset/", {"email": customer.email})
    as_customer.post(f"{API}/auth/email/verify/")
    mails = work()
    reset = next(link_in(mail, "reset-password") for mail in mails if "reset-password" in mail.body)
    verify = next(link_in(mail, "verify-email") for mail in mails if "verify-email" in mail.body)
    assert log_in(customer.email) == 200
    before = set(KnownNetwork.objects.values_list("pk", flat=True))
    assert confirm(mailed_link(as_customer)).status_code == 204
    body = {**reset, "new_password": "another-horse-battery"}
    assert refusal(client_of().post(f"{API}/auth/password/reset/confirm/", body), 400)[0] == "invalid_token"
    assert refusal(client_of().post(f"{API}/auth/email/verify/confirm/", verify), 400)[0] == "invalid_token"
    # The networks of the former address are gone, the one that followed the link is known.
    after = set(KnownNetwork.objects.values_list("pk", flat=True))
    assert len(after) == 1
    assert not before & after


def test_of_ten_confirmations_at_once_one_succeeds(as_customer: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    link = mailed_link(as_customer)
    all_at_the_link(monkeypatch, EMAIL_CHANGE, 10)
    replies = run_concurrently(*[lambda: confirm(link)] * 10)
    assert sorted(reply.status_code for reply in replies) == [204] + [400] * 9
    assert len(work()) == 1


def test_two_accounts_that_want_one_address_at_once_do_not_both_get_it(
    as_customer: APIClient, as_stranger: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = [mailed_link(client) for client in (as_customer, as_stranger)]
    all_at_the_link(monkeypatch, EMAIL_CHANGE, 2)
    replies = run_concurrently(*[lambda link=link: confirm(link) for link in links])
    assert sorted(reply.status_code for reply in replies) == [204, 400]
    assert User.objects.filter(email=NEW).count() == 1


def test_guesses_at_the_password_are_limited(as_customer: APIClient, settings: Any) -> None:
    settings.RATE_LIMITS = True
    statuses = [change(as_customer, password="wrong").status_code for _ in range(11)]
    assert statuses == [400] * 10 + [429]


def test_patching_the_address_is_refused_with_the_call_to_use(customer: User, as_customer: APIClient) -> None:
    before = dump_database()
    reply = as_customer.patch(ME, {"email": NEW, "name": "Countess"})
    assert refusal(reply, 400) == ("email_not_changed", "email")
    assert "POST /api/v1/auth/email/change/" in reply.json()["errors"][0]["detail"]
    assert dump_database() == before
    for other in (5, [NEW], {}, "", "x"):
        assert refusal(as_customer.patch(ME, {"email": other}), 400) == ("email_not_changed", "email")
    assert dump_database() == before
    assert as_customer.patch(ME, {"email": None}).json()["email"] == customer.email
    # A client that sends back what it has read.
    assert as_customer.patch(ME, {**as_customer.get(ME).json(), "name": "Countess"}).json()["name"] == "Countess"
    assert as_customer.patch(ME, {"email": "ADA@example.com"}).status_code == 200


def test_a_deleted_account_leaves_no_address_in_the_jobs(customer: User, as_customer: APIClient) -> None:
    assert change(as_customer).status_code == 202
    assert as_customer.delete(ME).status_code == 204
    assert customer.email not in str(list(Job.objects.values("kind", "payload")))
    assert NEW not in str(dump_database())
    assert work() == []
