"""Customers by REST, as staff see and deactivate them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from conftest import ADDRESS, PASSWORD, client_of
from shop.audit.staff_log import StaffAction
from shop.dev.testing.admin import allow, browser_of, filled_in, url_of
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, dump_database

pytestmark = pytest.mark.django_db

CUSTOMERS, ME = f"{API}/customers/", f"{API}/users/me/"
SHOWN = {
    *("id", "email", "name", "phone", "avatar", "email_verified", "is_active", "is_staff", "date_joined", "updated_at"),
}


def emails(client: APIClient, query: str = "") -> list[str]:
    reply = client.get(f"{CUSTOMERS}?{query}")
    assert reply.status_code == 200, reply.content
    return [each["email"].partition("@")[0] for each in reply.json()["results"]]


def test_staff_find_customers_and_what_changed_of_them(
    as_staff: APIClient, customer: User, make_user: Callable[..., User]
) -> None:
    bob = make_user(email="bob@example.com", email_verified=True)
    as_ada = client_of(customer)
    as_ada.post(f"{ME}addresses/", ADDRESS)
    at = f"{CUSTOMERS}{customer.pk}/"
    ada = as_staff.get(at).json()
    assert set(ada) == {*SHOWN, "addresses"}
    assert [each["line1"] for each in ada["addresses"]] == [ADDRESS["line1"]]
    assert set(as_staff.get(CUSTOMERS).json()["results"][0]) == SHOWN
    assert "password" not in str(as_staff.get(at).content) + str(as_staff.get(CUSTOMERS).content)

    assert emails(as_staff) == ["bob", "ada", "boss"]
    for query, found in {
        "email=%20ADA@Example.com": ["ada"],
        "email=ada": None,
        "email=nobody@example.com": [],
        "email_verified=true": ["bob"],
        "is_staff=true&is_active=true": ["boss"],
        "is_staff=false": ["bob", "ada"],
        "email=ada@example.com&is_staff=true": [],
        f"created_after={(timezone.now() + timedelta(days=1)).isoformat().replace('+00:00', 'Z')}": [],
        "created_after=2020-01-01T00:00:00Z&is_staff=false": ["bob", "ada"],
        "created_before=2020-01-01T00:00:00Z": [],
    }.items():
        if found is None:
            assert refusal(as_staff.get(f"{CUSTOMERS}?{query}"), 400) == ("invalid", "email")
        else:
            assert emails(as_staff, query) == found, query

    # By change, the oldest first, in pages by cursor after the numbered ones; an order or login changes nothing.
    since = ada["updated_at"]
    assert emails(as_staff, f"updated_since={since}") == ["ada"]
    as_ada.get(ME)
    assert emails(as_staff, f"updated_since={since}") == ["ada"]
    changes: list[Callable[[], Any]] = [
        lambda: client_of(bob).patch(ME, {"phone": "+44 20 7946 0000"}),
        lambda: as_ada.patch(ME, {"name": "Ada L."}),
        lambda: as_ada.patch(f"{ME}addresses/{ada['addresses'][0]['id']}/", {"city": "Bath"}),
    ]
    for change, last in zip(changes, ("bob", "ada", "ada"), strict=True):
        assert change().status_code == 200
        assert emails(as_staff, f"updated_since={since}")[-1] == last
    browser = browser_of(User.objects.get(email="boss@example.com"))
    url = url_of("accounts.user", "change", bob.pk)
    browser.post(url, {**filled_in(browser.get(url)), "name": "Robert"})
    assert emails(as_staff, f"updated_since={since}") == ["ada", "bob"]
    assert emails(as_staff, f"updated_since={since}&email_verified=true") == ["bob"]


def test_an_account_is_deactivated_with_its_logins_and_activated_again(
    as_staff: APIClient, staff: User, customer: User, make_user: Callable[..., User]
) -> None:
    editor = client_of(allow(make_user(), "accounts.change_user"))
    at, as_ada = f"{CUSTOMERS}{customer.pk}/", client_of(customer)
    reply = editor.post(f"{at}deactivate/")
    assert (reply.status_code, reply.json()["is_active"]) == (200, False)
    assert as_ada.get(ME).status_code == 401
    credentials = {"email": customer.email, "password": PASSWORD}
    assert as_ada.post(f"{API}/auth/login/", credentials).status_code == 401
    before = dump_database()
    assert editor.post(f"{at}deactivate/").json()["is_active"] is False
    # Staff need a superuser, nobody locks themselves out, and customers and readers may not at all.
    reader = client_of(allow(make_user(), "accounts.view_user"))
    for client, account, verb, status in (
        (editor, staff, "deactivate", 403),
        (editor, staff, "activate", 403),
        (reader, customer, "activate", 403),
        (client_of(make_user()), customer, "activate", 403),
        (client_of(), customer, "activate", 401),
    ):
        assert client.post(f"{CUSTOMERS}{account.pk}/{verb}/").status_code == status
    before = dump_database()
    assert refusal(as_staff.post(f"{CUSTOMERS}{staff.pk}/deactivate/"), 400) == ("own_account", None)
    assert refusal(as_staff.post(f"{CUSTOMERS}{'0' * 24}/deactivate/"), 404) == ("not_found", None)
    for verb in ("put", "patch", "delete"):
        assert getattr(as_staff, verb)(at, {"email": "x@example.com"}).status_code == 405
    assert dump_database() == before
    assert editor.post(f"{at}activate/").json()["is_active"] is True
    assert as_ada.get(ME).status_code == 401
    assert client_of().post(f"{API}/auth/login/", credentials).status_code == 200
    rows = StaffAction.objects.order_by("pk").values_list("action", "model", "object_id", "fields", "via")
    logged = ("change", "accounts.user", str(customer.pk), ["is_active"], "api")
    assert list(rows) == [logged, logged]
    # A deleted account is gone for staff, too.
    User.objects.filter(pk=customer.pk).update(closed_at=timezone.now())
    assert as_staff.get(at).status_code == as_staff.post(f"{at}activate/").status_code == 404
    assert "ada" not in emails(as_staff)
