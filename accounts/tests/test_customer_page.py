"""A customer's page in the admin: internal notes and the open cart."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import CustomerNote, User
from catalog.models import Product
from conftest import PASSWORD
from shop.audit.staff_log import StaffAction
from shop.dev.testing.admin import allow, browser_of, messages_of, url_of
from shop.dev.testing.mails import work
from shop.dev.testing.steps import API, add_to_cart, run_concurrently

CUSTOMERS = ("accounts.view_user",)
NOTES = (*CUSTOMERS, "accounts.view_customernote", "accounts.add_customernote")


@pytest.fixture
def page_of(make_user: Callable[..., User], customer: User) -> Callable[..., str]:
    def page_of(*rights: str) -> str:
        return (
            browser_of(allow(make_user(), *rights)).get(url_of("accounts.user", "change", customer.pk)).content.decode()
        )

    return page_of


def test_staff_keep_notes_that_the_customer_never_sees(
    customer: User, make_user: Callable[..., User], page_of: Callable[..., str], as_customer: APIClient
) -> None:
    clerk = allow(make_user(email="clerk@example.com", name="Kim Clerk"), *NOTES)
    other = browser_of(allow(make_user(name="Other Clerk"), *NOTES))
    browser, page = browser_of(clerk), url_of("accounts.user", "change", customer.pk)
    add, delete = (url_of("accounts.user", f"{each}_note", customer.pk) for each in ("add", "delete"))

    text = "Rings <before> noon.\nPrefers parcels."
    replies = run_concurrently(*[partial(browser.post, add, {"text": text})] * 3)

    assert [each.status_code for each in replies] == [302] * 3
    note = CustomerNote.objects.get()
    assert (note.user, note.staff) == (customer, clerk.pk)
    shown = browser.get(page).content.decode()
    assert "Rings &lt;before&gt; noon.<br>Prefers parcels." in shown
    assert "Kim Clerk" in shown
    assert [each.fields for each in StaffAction.objects.filter(model="accounts.user", action="change")] == [["notes"]]
    # Other staff read it and cannot delete it; those without the permissions do neither.
    assert "Kim Clerk" in other.get(page).content.decode()
    assert "another member of staff wrote it" in messages_of(other.post(delete, {"note": str(note.pk)}, follow=True))[0]
    readers = page_of(*NOTES[:2])
    assert "Kim Clerk" in readers
    assert "Save note" not in readers
    assert "Internal notes" not in page_of(*CUSTOMERS)
    for bad in ("", "x" * 2001):
        browser.post(add, {"text": bad})
    assert CustomerNote.objects.count() == 1
    # The customer sees it nowhere, and it goes with the account.
    for address in ("/users/me/", "/users/me/export/"):
        reply = as_customer.get(f"{API}{address}")
        content = b"".join(reply.streaming_content) if reply.streaming else reply.content
        assert reply.status_code == 200
        assert b"noon" not in content
        assert str(note.pk).encode() not in content
    browser.post(add, {"text": "Another"})
    browser.post(delete, {"note": str(CustomerNote.objects.get(text="Another").pk)})
    assert list(CustomerNote.objects.all()) == [note]
    CustomerNote.objects.bulk_create(CustomerNote(user=customer, text=str(n), staff=clerk.pk) for n in range(99))
    full = messages_of(browser.post(add, {"text": "One more"}, follow=True))
    assert full[-1] == "This customer has the maximum number of notes."
    assert as_customer.delete(f"{API}/users/me/", {"password": PASSWORD}).status_code == 204
    work()
    assert not CustomerNote.objects.exists()


def test_the_open_cart_is_shown_to_those_who_may_see_carts(
    page_of: Callable[..., str], as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    assert "The cart is empty." in page_of(*CUSTOMERS, "cart.view_cart")
    gone = make_product("Plate", price="5.00", stock=3)
    for product, quantity in ((make_product("Blue mug", price="10.00", stock=5), 2), (gone, 1)):
        add_to_cart(as_customer, product, quantity)
    gone.is_active = False
    gone.save()
    shown: Any = page_of(*CUSTOMERS, "cart.view_cart")
    for text in ("Blue mug", "20.00 USD", "Total before shipping", "not available"):
        assert text in shown
    assert shown.count("20.00 USD") == 2
    assert "Blue mug" not in page_of(*CUSTOMERS, "orders.view_order")
