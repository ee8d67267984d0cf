"""The user's own account: read, edit, delete."""

from decimal import Decimal

import pytest
from rest_framework.test import APIClient

from accounts.models import Address, TokenFamily, User
from accounts.tokens import issue_tokens
from cart.models import Cart
from conftest import ADDRESS, PASSWORD, client_of
from orders.models import Order
from shop.dev.testing.replies import refusal
from shop.jobs import Job, run_due

pytestmark = [pytest.mark.django_db, pytest.mark.quick]

ME = "/api/v1/users/me/"


def row(user: User) -> dict:
    return User.objects.filter(pk=user.pk).values().get()


def test_users_read_their_own_account(as_customer: APIClient, as_stranger: APIClient) -> None:
    profile = as_customer.get(ME).json()
    assert list(profile) == ["id", "email", "name", "phone", "avatar", "email_verified", "is_staff", "date_joined"]
    assert (profile["email"], profile["name"], profile["is_staff"]) == ("ada@example.com", "Ada", False)
    assert as_stranger.get(ME).json()["email"] == "eve@example.com"


def test_name_and_phone_can_be_changed_and_nothing_else_changes(
    customer: User, as_customer: APIClient, as_stranger: APIClient
) -> None:
    before = row(customer)
    reply = as_customer.patch(ME, {"name": "Countess", "phone": "+44 20 7946 0000"})
    assert reply.status_code == 200
    assert (reply.json()["name"], reply.json()["phone"]) == ("Countess", "+44 20 7946 0000")
    assert as_customer.get(ME).json() == reply.json()
    after = row(customer)
    changed = {"name": "Countess", "phone": "+44 20 7946 0000", "updated_at": after["updated_at"]}
    assert after == {**before, **changed}
    assert after["updated_at"] > before["updated_at"]
    assert as_stranger.get(ME).json()["name"] == "Eve"


def test_fields_that_the_server_owns_are_ignored(customer: User, as_customer: APIClient) -> None:
    before = row(customer)
    wish = {
        "id": "0" * 24,
        "is_staff": True,
        "is_superuser": True,
        "is_active": False,
        "email_verified": True,
        "date_joined": "2000-01-01T00:00:00Z",
        "password": "x",
        "token_version": 9,
        "avatar": "avatars/somebody-elses.webp",
        "unknown": 1,
    }
    assert as_customer.patch(ME, wish).status_code == 200
    assert row(customer) == before


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("name", "", "blank"),
        ("name", None, "null"),
        ("name", "n" * 121, "max_length"),
        ("name", ["Ada"], "invalid"),
        ("name", {"$set": 1}, "invalid"),
        ("phone", "call me", "invalid"),
        ("phone", "1" * 31, "invalid"),
    ],
)
def test_an_edit_that_cannot_be_changes_nothing(
    customer: User, as_customer: APIClient, field: str, value: object, code: str
) -> None:
    before = row(customer)
    reply = as_customer.patch(ME, {"name": "Countess", field: value})
    assert (code, field) in [(error["code"], error["attr"]) for error in reply.json()["errors"]]
    assert reply.status_code == 400
    assert row(customer) == before


def test_the_phone_can_be_emptied(as_customer: APIClient) -> None:
    as_customer.patch(ME, {"phone": "+44 20 7946 0000"})
    assert as_customer.patch(ME, {"phone": ""}).json()["phone"] == ""


# --- Leaving ----------------------------------------------------------------------------------------------------------


def test_a_deleted_account_leaves_no_personal_data(
    customer: User, as_customer: APIClient, as_stranger: APIClient, make_product
) -> None:
    pair = issue_tokens(customer)
    for client in (as_customer, as_stranger):
        assert client.post("/api/v1/users/me/addresses/", ADDRESS).status_code == 201
        assert client.post("/api/v1/cart/items/", {"product": str(make_product().pk), "quantity": 1}).status_code == 201

    reply = as_customer.delete(ME)

    assert (reply.status_code, reply.content) == (204, b"")
    assert list(User.objects.values_list("email", flat=True)) == ["eve@example.com"]
    assert Address.objects.get().user.email == "eve@example.com"
    assert TokenFamily.objects.filter(user=customer.pk).count() == 0
    assert not Cart.objects.filter(user=customer.pk).exists()
    assert Cart.objects.count() == 1
    assert refusal(as_customer.get(ME), 401) == ("user_not_found", None)
    assert client_of().post("/api/v1/auth/refresh/", {"refresh": pair["refresh"]}).status_code == 401
    login = {"email": "ada@example.com", "password": PASSWORD}
    assert client_of().post("/api/v1/auth/login/", login).status_code == 401


def test_a_deleted_address_may_register_again(customer: User, as_customer: APIClient) -> None:
    as_customer.delete(ME)
    reply = client_of().post("/api/v1/auth/register/", {"email": customer.email, "password": PASSWORD, "name": "Ada"})
    assert reply.status_code == 201
    assert reply.json()["user"]["id"] != str(customer.pk)


def test_orders_stay_without_the_person(customer: User, as_customer: APIClient, make_product, shipping) -> None:
    as_customer.post("/api/v1/cart/items/", {"product": str(make_product().pk), "quantity": 1})
    placed = as_customer.post("/api/v1/orders/", {"shipping_address": ADDRESS, "note": "Ring twice"})
    assert placed.status_code == 201

    assert as_customer.delete(ME).status_code == 204

    order = Order.objects.get()
    assert (order.number, order.total) == (placed.json()["number"], Decimal("14.90"))
    assert order.user_id is None
    assert "Lovelace" not in str(Order.objects.values().get())
    assert "Ring twice" not in str(Order.objects.values().get())


def test_the_avatar_of_a_deleted_account_is_deleted(customer: User, as_customer: APIClient) -> None:
    User.objects.filter(pk=customer.pk).update(avatar="avatars/gone.webp")
    as_customer.delete(ME)
    assert [(job.kind, job.payload) for job in Job.objects.all()] == [
        ("shop.delete_image", {"name": "avatars/gone.webp"})
    ]
    assert run_due() == 1
    assert Job.objects.count() == 0
