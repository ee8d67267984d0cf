"""Staff manage customers in the admin."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.utils.html import strip_tags
from rest_framework.test import APIClient

from accounts import services
from accounts.models import Address, TokenFamily, User
from accounts.tokens import issue_tokens
from conftest import client_of
from orders.models import Order
from shop.audit.staff_log import StaffAction
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.admin import (
    ADDRESS,
    allow,
    browser_of,
    change_user,
    errors_of,
    filled_in,
    messages_of,
    ordered,
    url_of,
)
from shop.dev.testing.stripe_steps import open_payment

PASSWORD = "correct-horse-battery"


def works(access_token: str) -> bool:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {access_token}")
    return client.get("/api/v1/users/me/").status_code == 200


def test_a_person_is_added_with_a_password_and_an_address_in_lower_case(browser: Client) -> None:
    url = url_of("accounts.user", "add")
    new = {"email": "Grace@Example.com", "name": "Grace", "password1": PASSWORD, "password2": PASSWORD}
    browser.post(url, filled_in(browser.get(url)) | new)
    user = User.objects.get(name="Grace")
    assert user.email == "grace@example.com"
    assert user.check_password(PASSWORD)
    assert not user.is_staff


def test_an_address_that_is_taken_is_refused_in_any_case(browser: Client, customer: User) -> None:
    url = url_of("accounts.user", "add")
    new = {"email": "ADA@example.com", "name": "Ada", "password1": PASSWORD, "password2": PASSWORD}
    assert set(errors_of(browser.post(url, filled_in(browser.get(url)) | new))) == {"email"}
    assert User.objects.filter(email="ada@example.com").count() == 1


def test_an_address_taken_concurrently_is_an_error_on_the_page(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accounts.admin_forms import NewUserForm

    monkeypatch.setattr(NewUserForm, "validate_unique", lambda self: None)
    url = url_of("accounts.user", "add")
    new = {"email": "boss@example.com", "name": "Boss", "password1": PASSWORD, "password2": PASSWORD}
    page = browser.post(url, filled_in(browser.get(url)) | new)
    assert errors_of(page) == {"": ["This email is already in use. Choose another."]}


@pytest.mark.parametrize("missing", ["password1", "password2"])
def test_no_user_is_added_without_a_password(browser: Client, missing: str) -> None:
    url = url_of("accounts.user", "add")
    page = browser.get(url)
    assert "usable_password" not in page.context["adminform"].form.fields
    new = {"email": "grace@example.com", "name": "Grace", "password1": PASSWORD, "password2": PASSWORD, missing: ""}
    assert missing in errors_of(browser.post(url, filled_in(page) | new | {"usable_password": "false"}))
    assert not User.objects.filter(email="grace@example.com").exists()


def test_a_page_is_called_by_what_is_saved_not_by_what_was_typed_and_refused(browser: Client, customer: User) -> None:
    page = change_user(browser, customer, email="Not an address")
    assert set(errors_of(page)) == {"email"}
    text = page.content.decode()
    # The form shows the refused input, the rest of the page does not.
    assert text.count("Not an address") == 1
    assert page.context["subtitle"] == "ada@example.com"
    assert "Ada@example.com" not in text


def test_the_list_says_what_is_true_of_a_person_and_not_what_is_not(
    browser: Client, make_user: Callable[..., User]
) -> None:
    from accounts.admin import UserAdmin

    labels = UserAdmin(User, admin.site).labels
    assert not strip_tags(labels(make_user())).strip()
    known = labels(make_user(email_verified=True, is_staff=True, is_active=False))
    for label in ("Deactivated", "Staff", "E-mail verified"):
        assert label in known
    assert "Superuser" not in known


def test_name_rights_and_groups_are_edited(browser: Client, customer: User) -> None:
    group = Group.objects.create(name="Warehouse")
    permission = Permission.objects.get(codename="view_order")
    change_user(browser, customer, name="Ada L.", is_staff="on", groups=[group.pk], user_permissions=[permission.pk])
    customer.refresh_from_db()
    assert (customer.name, customer.is_staff) == ("Ada L.", True)
    assert list(customer.groups.all()) == [group]
    assert list(customer.user_permissions.all()) == [permission]


def test_deactivating_a_person_ends_every_login(browser: Client, customer: User) -> None:
    tokens = issue_tokens(customer)
    assert works(tokens["access"])
    change_user(browser, customer, is_active=None)
    assert not works(tokens["access"])
    assert not TokenFamily.objects.exists()
    change_user(browser, customer, is_active="on")
    assert not works(tokens["access"])


def test_a_session_of_the_admin_does_not_outlive_its_owners_deactivation(
    browser: Client, make_user: Callable[..., User]
) -> None:
    colleague = make_user(is_staff=True)
    theirs = browser_of(colleague)
    assert theirs.get("/admin/").status_code == 200
    for is_active in (None, "on"):
        change_user(browser, colleague, is_active=is_active)
        assert theirs.get("/admin/").status_code == 302


def test_editing_a_person_ends_no_login(browser: Client, customer: User) -> None:
    tokens = issue_tokens(customer)
    change_user(browser, customer, phone="+44 20 7946 0000")
    assert works(tokens["access"])


def test_a_password_set_by_staff_ends_every_login(browser: Client, customer: User) -> None:
    tokens = issue_tokens(customer)
    url = f"/admin/accounts/user/{customer.pk}/password/"
    assert browser.get(url).status_code == 200
    new = {"password1": "another-horse-battery", "password2": "another-horse-battery", "usable_password": "true"}
    page = browser.post(url, new, follow=True)
    assert messages_of(page) == ["Password changed successfully."]
    customer.refresh_from_db()
    assert customer.check_password("another-horse-battery")
    assert not works(tokens["access"])


def test_one_s_own_new_password_ends_the_other_logins_and_not_this_one(browser: Client, staff: User) -> None:
    tokens = issue_tokens(staff)
    new = "another-horse-battery"
    page = browser.post(
        "/admin/password_change/", {"old_password": PASSWORD, "new_password1": new, "new_password2": new}, follow=True
    )
    assert page.status_code == 200
    staff.refresh_from_db()
    assert staff.check_password(new)
    assert not works(tokens["access"])
    assert browser.get("/admin/").status_code == 200


def test_deleting_a_person_follows_the_service(browser: Client, customer: User) -> None:
    Address.objects.create(user=customer, **ADDRESS)
    page = browser.post(url_of("accounts.user", "delete", customer.pk), {"post": "yes"}, follow=True)
    assert "was deleted successfully" in messages_of(page)[0]
    assert not User.objects.filter(pk=customer.pk).exists()
    assert not Address.objects.exists()


def test_a_deletion_that_fails_halfway_leaves_everything(
    browser: Client, customer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shop.api.errors import Conflict

    def refuse(**_: Any) -> None:
        Address.objects.filter(user=customer).delete()
        raise Conflict("Not now.")

    Address.objects.create(user=customer, **ADDRESS)
    monkeypatch.setattr(services.hooks.on_deletion, "_functions", [refuse])
    page = browser.post(url_of("accounts.user", "delete", customer.pk), {"post": "yes"}, follow=True)
    assert messages_of(page) == ["Not now."]
    assert Address.objects.count() == 1
    assert User.objects.filter(pk=customer.pk).exists()
    assert not StaffAction.objects.exists()


def test_staff_cannot_lock_themselves_out(browser: Client, staff: User) -> None:
    page = change_user(browser, staff, is_active=None, is_staff=None, is_superuser=None)
    assert set(errors_of(page)) == {"is_active", "is_staff", "is_superuser"}
    assert browser.post(url_of("accounts.user", "delete", staff.pk), {"post": "yes"}).status_code == 403
    staff.refresh_from_db()
    assert staff.is_active


def test_staff_who_may_edit_users_cannot_gain_privileges(
    make_user: Callable[..., User], staff: User, customer: User
) -> None:
    clerk = allow(make_user(), "accounts.change_user", "accounts.delete_user")
    browser = browser_of(clerk)

    change_user(browser, customer, name="Ada L.", is_staff="on", is_superuser="on")
    customer.refresh_from_db()
    assert (customer.name, customer.is_staff, customer.is_superuser) == ("Ada L.", False, False)

    for person in (staff, clerk):
        assert browser.get(url_of("accounts.user", "change", person.pk)).status_code in (200, 302)
        assert browser.post(url_of("accounts.user", "change", person.pk), {"name": "x"}).status_code == 403
        assert browser.post(url_of("accounts.user", "delete", person.pk), {"post": "yes"}).status_code == 403
        assert browser.post(f"/admin/accounts/user/{person.pk}/password/", {}).status_code == 403


def test_only_superusers_hand_out_rights_by_groups(make_user: Callable[..., User], browser: Client) -> None:
    group = Group.objects.create(name="Clerks")
    clerk = allow(make_user(), *(f"auth.{verb}_group" for verb in ("view", "add", "change", "delete")))
    clerk.groups.add(group)
    every = [str(pk) for pk in Permission.objects.values_list("pk", flat=True)]
    theirs, pages = browser_of(clerk), [url_of("auth.group", "change", group.pk), url_of("auth.group", "add")]
    for page in pages:
        assert theirs.post(page, {"name": "Clerks", "permissions": every}).status_code == 403
    assert theirs.post(url_of("auth.group", "delete", group.pk), {"post": "yes"}).status_code == 403
    picked = {"action": "delete_selected", "_selected_action": str(group.pk), "post": "yes"}
    theirs.post(url_of("auth.group"), picked)
    assert theirs.get(pages[0]).status_code == 200
    assert not Group.objects.get().permissions.exists()

    assert browser.post(pages[0], {"name": "Clerks", "permissions": every[:2]}).status_code == 302
    assert Group.objects.get().permissions.count() == 2


def test_people_are_found_by_the_beginning_of_their_address_or_of_their_name(
    browser: Client, customer: User, make_user: Callable[..., User]
) -> None:
    make_user(email="hopper@example.com", name="Gráce Hopper")
    for text, email in (("ada@", customer.email), ("ADA@EX", customer.email), ("grace h", "hopper@example.com")):
        people = browser.get(url_of("accounts.user"), {"q": text}).context["cl"].result_list
        assert [person.email for person in people] == [email]


def test_a_customer_s_addresses_are_shown_and_not_edited(browser: Client, customer: User) -> None:
    Address.objects.create(user=customer, **ADDRESS)
    assert "St James" in browser.get(url_of("accounts.user", "change", customer.pk)).content.decode()
    change_user(browser, customer, **{"addresses-0-line1": "Elsewhere"})
    assert Address.objects.get().line1 == ADDRESS["line1"]


def test_a_person_with_an_open_payment_is_deleted_and_cannot_pay_any_more(
    browser: Client, customer: User, make_product: Any, shipping: Any, simulator: StripeSimulator
) -> None:
    number = ordered(customer, make_product(price="10.00")).number
    intent = open_payment(client_of(customer), number)["payment_intent"]
    page = browser.post(url_of("accounts.user", "delete", customer.pk), {"post": "yes"}, follow=True)
    assert "was deleted successfully" in messages_of(page)[0]
    assert not User.objects.filter(pk=customer.pk).exists()
    assert Order.objects.get().status == "cancelled"
    assert simulator.state()["payment_intents"][0]["status"] == "canceled"
    assert simulator.state()["payment_intents"][0]["id"] == intent


def test_a_person_whose_payment_cannot_be_closed_stays(
    browser: Client, customer: User, make_product: Any, shipping: Any, simulator: StripeSimulator, settings: Any
) -> None:
    number = ordered(customer, make_product(price="10.00")).number
    open_payment(client_of(customer), number)
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    page = browser.post(url_of("accounts.user", "delete", customer.pk), {"post": "yes"}, follow=True)
    assert len(messages_of(page)) == 1
    assert User.objects.filter(pk=customer.pk).exists()
    assert Order.objects.get().status == "pending"
