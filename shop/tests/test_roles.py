"""The default groups of staff: each can do its work by the API and in the admin, and nothing else."""

from collections.abc import Callable
from typing import Any

import pytest
from bson import ObjectId
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.db.models import Model
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Category, Product, Variant
from conftest import client_of
from orders.models import Order
from payments.models import Payment
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.admin import browser_of, filled_in, in_dialog, ordered, url_of
from shop.dev.testing.groups import make_groups
from shop.dev.testing.images import image_file
from shop.dev.testing.steps import API, place_order, stock_of
from shop.dev.testing.stripe_steps import pay

pytestmark = pytest.mark.django_db

EDITORS, DESK, READERS = "Catalogue editors", "Order desk", "Read-only"
ROLES = (EDITORS, DESK, READERS)
MODELS = sorted(model._meta.label_lower for model in admin.site._registry)


@pytest.fixture
def member(make_user: Callable[..., User]) -> Callable[[str], User]:
    """Create a member of staff with the permissions of one group only."""
    make_groups()

    def make(role: str) -> User:
        user = make_user(is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        return user

    return make


def rows_of(model: type[Model]) -> list[dict[str, Any]]:
    """Return every stored document of a model."""
    return list(connection.database[model._meta.db_table].find(sort=[("_id", 1)]))


# --- The groups -------------------------------------------------------------------------------------------------------


def test_making_the_groups_again_changes_nothing_and_completes_what_was_broken_off(db: None) -> None:
    def state() -> dict[str, set[str]]:
        return {group.name: set(group.permissions.values_list("codename", flat=True)) for group in Group.objects.all()}

    make_groups()
    made = state()
    assert set(made) == {EDITORS, DESK, READERS}
    desk = Group.objects.get(name=DESK)
    desk.permissions.remove(desk.permissions.first())
    desk.permissions.add(Permission.objects.get(codename="view_promotion"))
    make_groups()
    make_groups()
    assert state() == {**made, DESK: made[DESK] | {"view_promotion"}}


def test_a_group_alone_makes_no_one_staff(member: Callable[[str], User]) -> None:
    user = member(EDITORS)
    User.objects.filter(pk=user.pk).update(is_staff=False)
    assert client_of(user).post(f"{API}/products/", {}).status_code == 403
    assert browser_of(user).get("/admin/").status_code == 302


# --- Nothing else -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_only_those_who_look_after_orders_see_those_of_others(
    member: Callable[[str], User], role: str, populated_shop: Order
) -> None:
    client = client_of(member(role))
    sees = role != EDITORS
    assert client.get(f"{API}/orders/").json()["count"] == (1 if sees else 0)
    assert client.get(f"{API}/orders/{populated_shop.number}/").status_code == (200 if sees else 404)
    assert client.get(f"{API}/payments/{Payment.objects.get().pk}/").status_code == (200 if sees else 404)
    expected = {EDITORS: 404, DESK: 409, READERS: 403}[role]
    Order.objects.update(fulfilment_status="shipped")
    assert client.post(f"{API}/orders/{populated_shop.number}/cancel/", {}).status_code == expected
    stock = client.get(f"{API}/products/{Product.objects.get().pk}/").json()["variants"][0].get("stock")
    assert stock is not None


def test_no_group_member_can_gain_privileges(member: Callable[[str], User], staff: User) -> None:
    for role in ROLES:
        user = member(role)
        browser = browser_of(user)
        for person in (user, staff):
            assert browser.post(url_of("accounts.user", "change", person.pk), {"is_superuser": "on"}).status_code == 403
            assert browser.post(f"/admin/accounts/user/{person.pk}/password/", {}).status_code == 403
        assert browser.post(url_of("auth.group", "change", user.groups.get().pk), {"name": "x"}).status_code == 403


# --- Its work ---------------------------------------------------------------------------------------------------------


def test_editors_keep_the_catalog_by_the_api(member: Callable[[str], User]) -> None:
    client = client_of(member(EDITORS))
    made = client.post(f"{API}/products/", {"name": "Mug", "price": "10.00"}).json()
    at, variant = f"{API}/products/{made['id']}/", made["variants"][0]["id"]
    assert client.patch(at, {"is_active": False}).status_code == 200
    assert client.get(at).status_code == 200
    assert client.post(f"{API}/variants/{variant}/stock/", {"set": 7, "reason": "counted"}).json()["stock"] == 7
    image = client.post(f"{at}images/", {"image": image_file()}, format="multipart")
    assert image.status_code == 201
    assert client.delete(f"{at}images/{image.json()['id']}/").status_code == 204
    assert client.delete(at).status_code == 204
    assert not Product.objects.exists()


def test_editors_keep_the_catalog_in_the_admin(member: Callable[[str], User], make_product: Any) -> None:
    product = make_product("Mug", stock=5)
    browser = browser_of(member(EDITORS))
    add = url_of("catalog.category", "add")
    browser.post(add, filled_in(browser.get(add)) | {"name": "Cups", "slug": "cups"})
    category = Category.objects.get()
    page = url_of("catalog.product", "change", product.pk)
    changes = {
        "name": "Cup",
        "category": category.pk,
        "variants-0-stock_change": "-2",
        "variants-0-stock_note": "broken",
    }
    assert browser.post(page, filled_in(browser.get(page)) | changes).status_code == 302
    product.refresh_from_db()
    assert (product.name, product.category, stock_of(product)) == ("Cup", category, 3)
    variant = Variant.objects.get()
    in_dialog(browser, url_of("catalog.variant", "change_stock", variant.pk), {"change": "4", "note": "found"})
    assert stock_of(product) == 7
    assert browser.post(url_of("catalog.product", "delete", product.pk), {"post": "yes"}).status_code == 302
    assert not Product.objects.exists()


def test_the_order_desk_sends_cancels_and_refunds(
    member: Callable[[str], User],
    customer: User,
    as_customer: APIClient,
    make_product: Any,
    simulator: StripeSimulator,
    shipping: Any,
) -> None:
    product = make_product(price="10.00", stock=9)
    desk = member(DESK)
    client, browser = client_of(desk), browser_of(desk)

    def paid() -> tuple[str, str]:
        number = place_order(as_customer, product)["number"]
        return number, pay(as_customer, simulator, number)["id"]

    for by_api in (True, False):
        number, payment = paid()
        order = Order.objects.get(number=number)
        if by_api:
            assert client.post(f"{API}/payments/{payment}/refunds/", {"amount": "1.00"}).status_code == 201
            assert client.post(f"{API}/orders/{number}/fulfil/", {"status": "shipped"}).status_code == 200
            assert client.post(f"{API}/orders/{number}/fulfil/", {"status": "delivered"}).status_code == 200
        else:
            key = {"key": str(ObjectId())}
            in_dialog(browser, url_of("payments.payment", "refund", payment), {**key, "amount": "1.00", "reason": ""})
            units = {f"quantity_{order.lines[0].variant}": "1"}
            in_dialog(browser, url_of("orders.order", "ship", order.pk), {**key, **units})
            in_dialog(browser, url_of("orders.order", "deliver", order.pk), {})
        order.refresh_from_db()
        assert (order.fulfilment_status, order.payment_status) == ("delivered", "partially_refunded")

    unpaid = [ordered(customer, product) for _ in range(2)]
    assert client.post(f"{API}/orders/{unpaid[0].number}/cancel/", {}).status_code == 200
    in_dialog(browser, url_of("orders.order", "cancel", unpaid[1].pk), {"reason": "They called"})
    assert Order.objects.filter(status="cancelled").count() == 2


def test_readers_see_what_a_page_holds_and_what_staff_did(member: Callable[[str], User], populated_shop: Order) -> None:
    browser: Client = browser_of(member(READERS))
    assert "Linen shirt" in browser.get(url_of("catalog.product")).content.decode()
    assert "St James" in browser.get(url_of("orders.order", "change", populated_shop.pk)).content.decode()
    assert "cancelled" in browser.get(url_of("shop.staffaction")).content.decode()
    index = browser.get("/admin/").content.decode()
    assert all(url_of(label) in index for label in MODELS)
