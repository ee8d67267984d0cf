"""Staff actions in the API and the admin are logged with the change, and the log cannot be changed."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from cart.promotions.models import Promotion
from catalog import services as catalog
from catalog.models import Product, Variant
from catalog.services import count_sales
from conftest import PASSWORD
from orders import expiry
from orders.models import Order
from payments.models import StripeEvent
from shop.audit.staff_log import AppendOnly, StaffAction
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.admin import allow, browser_of, filled_in, in_dialog, ordered, url_of
from shop.dev.testing.failures import failing
from shop.dev.testing.images import image_file
from shop.dev.testing.steps import API, place_order
from shop.dev.testing.stripe_steps import pay

pytestmark = pytest.mark.django_db

EVENT = {"data": {"object": {}}}


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


def noted() -> list[tuple[str, str, str, list[str]]]:
    """Return the new log entries: source, action, object, fields."""
    rows = list(StaffAction.objects.order_by("pk"))
    StaffAction.objects.all()._raw_delete("default")
    return [(row.via, row.action, f"{row.model} {row.label}".strip(), row.fields) for row in rows]


def change(browser: Client, model: str, pk: Any, **changes: Any) -> Any:
    url = url_of(model, "change", pk)
    data = filled_in(browser.get(url)) | changes
    return browser.post(url, {name: value for name, value in data.items() if value is not None})


# --- By the API -------------------------------------------------------------------------------------------------------


def test_the_catalog_changed_by_the_api(as_staff: APIClient, staff: User) -> None:
    headers = {"X-Request-ID": "made-by-the-boss"}
    body = {"name": "Mug", "price": "10.00"}
    product = as_staff.post(f"{API}/products/", body, headers=headers).json()
    row = StaffAction.objects.get()
    assert (row.staff, row.object_id, row.request_id) == (str(staff.pk), product["id"], "made-by-the-boss")
    assert noted() == [("api", "add", "catalog.product Mug", [])]

    at, variant = f"{API}/products/{product['id']}/", product["variants"][0]
    as_staff.patch(at, {"name": "Big mug", "description": "Holds more."})
    assert noted() == [("api", "change", "catalog.product Big mug", ["description", "name"])]
    as_staff.patch(f"{API}/variants/{variant['id']}/", {"price": "12.00"})
    as_staff.post(f"{API}/variants/{variant['id']}/stock/", {"delta": 5, "reason": "delivery"})
    sku = f"catalog.variant {variant['sku']}"
    assert noted() == [("api", "change", sku, ["price"]), ("api", "stock", sku, [])]

    image = as_staff.post(f"{at}images/", {"image": image_file()}, format="multipart").json()
    as_staff.patch(f"{at}images/{image['id']}/", {"alt": "Front"})
    as_staff.delete(f"{at}images/{image['id']}/")
    picture = "catalog.productimage"
    assert noted() == [
        ("api", "add", picture, []),
        ("api", "change", picture, ["alt"]),
        ("api", "delete", picture, []),
    ]
    as_staff.delete(at)
    assert noted() == [("api", "delete", "catalog.product Big mug", [])]


def test_orders_and_money_by_the_api(
    as_customer: APIClient,
    as_staff: APIClient,
    make_product: Callable[..., Product],
    simulator: StripeSimulator,
    shipping: Any,
) -> None:
    product = make_product(price="10.00")
    paid = place_order(as_customer, product)["number"]
    payment = pay(as_customer, simulator, paid)["id"]
    other = place_order(as_customer, product)["number"]
    assert noted() == []

    as_staff.post(f"{API}/orders/{paid}/fulfil/", {"status": "shipped", "carrier": "DHL"})
    as_staff.post(f"{API}/orders/{paid}/fulfil/", {"status": "delivered"})
    as_staff.post(f"{API}/payments/{payment}/refunds/", {"amount": "2.00", "reason": "Scratched"})
    as_staff.post(f"{API}/orders/{other}/cancel/", {"reason": "They called"})
    assert noted() == [
        ("api", "ship", f"orders.order {paid}", []),
        ("api", "deliver", f"orders.order {paid}", []),
        ("api", "refund", f"payments.payment {paid}", []),
        ("api", "cancel", f"orders.order {other}", []),
    ]


def test_what_customers_and_the_shop_itself_do_is_no_act_of_the_staff(
    as_customer: APIClient, as_staff: APIClient, make_product: Callable[..., Product], shipping: Any
) -> None:
    product = make_product(price="10.00")
    for client in (as_customer, as_staff):
        number = place_order(client, product)["number"]
        assert client.post(f"{API}/orders/{number}/cancel/", {}).status_code == 200
        assert client.patch(f"{API}/users/me/", {"name": "Ada L."}).status_code == 200
    Order.objects.update(status="pending", expires_at="2020-01-01T00:00:00Z")
    expiry.expire_due_orders()
    catalog.create_product(data={"name": "By a command", "price": "1.00"})
    assert noted() == []


def test_what_was_refused_is_not_noted(as_staff: APIClient, as_customer: APIClient, make_product: Any) -> None:
    at = f"{API}/products/{make_product().pk}/"
    assert as_staff.patch(at, {"price": "free"}).status_code == 400
    assert as_staff.patch(at, {"variants": [{"price": "1", "options": {}}] * 2}).status_code == 400
    assert as_customer.patch(at, {"name": "Mine"}).status_code == 403
    assert noted() == []


def test_a_change_that_is_lost_is_not_noted_and_one_that_runs_again_is_noted_once(
    as_staff: APIClient, make_product: Any
) -> None:
    product = make_product("Mug")
    lost = {"errorCode": 112, "errorLabels": ["TransientTransactionError"]}
    with failing("commitTransaction", **lost):
        assert as_staff.patch(f"{API}/products/{product.pk}/", {"name": "Cup"}).status_code == 200
    assert len(noted()) == 1
    with failing("insert", StaffAction, errorCode=2):
        assert as_staff.patch(f"{API}/products/{product.pk}/", {"name": "Beaker"}).status_code == 500
    assert Product.objects.get().name == "Cup"
    assert noted() == []


# --- In the admin -----------------------------------------------------------------------------------------------------


def test_saves_in_the_admin_name_the_fields_and_no_values(browser: Client, make_product: Any, customer: User) -> None:
    product = make_product("Mug")
    name = {"name": "Cup", "variants-0-stock_change": "4", "variants-0-stock_note": "found"}
    change(browser, "catalog.product", product.pk, **name)
    assert noted() == [
        ("admin", "stock", f"catalog.variant {Variant.objects.get().sku}", []),
        ("admin", "change", "catalog.product Cup", ["name", "variants.stock_change", "variants.stock_note"]),
    ]
    change(browser, "accounts.user", customer.pk, name="Countess Lovelace", phone="+44 20 7946 0000")
    assert noted() == [("admin", "change", "accounts.user", ["name", "phone"])]
    change(browser, "accounts.user", customer.pk)
    assert noted() == []


def test_adding_and_deleting_in_the_admin(browser: Client, make_product: Any, make_category: Any) -> None:
    coupon = {"code": "WELCOME", "kind": "percentage", "value": "10", "is_active": "on"}
    url = url_of("cart.promotion", "add")
    browser.post(url, filled_in(browser.get(url)) | coupon)
    (added,) = noted()
    assert added[:3] == ("admin", "add", "cart.promotion WELCOME")
    browser.post(url_of("cart.promotion", "delete", Promotion.objects.get().pk), {"post": "yes"})
    assert noted() == [("admin", "delete", "cart.promotion WELCOME", [])]

    browser.post(url_of("catalog.category", "delete", make_category("Shirts").pk), {"post": "yes"})
    assert noted() == [("admin", "delete", "catalog.category Shirts", [])]
    groups = [Group.objects.create(name=name).pk for name in ("Desk", "Warehouse")]
    chosen = {"action": "delete_selected", "_selected_action": groups, "post": "yes"}
    browser.post(url_of("auth.group"), chosen)
    assert sorted(noted()) == [("admin", "delete", f"auth.group {name}", []) for name in ("Desk", "Warehouse")]

    product = make_product("Mug")
    browser.post(url_of("catalog.product", "delete", product.pk), {"post": "yes"})
    assert noted() == [("admin", "delete", "catalog.product Mug", [])]


def test_a_product_that_was_sold_is_noted_as_what_it_is_taken_out(
    browser: Client, customer: User, make_product: Any, shipping: Any
) -> None:
    product = make_product("Mug")
    ordered(customer, product)
    browser.post(url_of("catalog.product", "delete", product.pk), {"post": "yes"})
    assert noted() == [("admin", "change", "catalog.product Mug", ["is_active"])]
    browser.post(url_of("catalog.product"), {"action": "activate", "_selected_action": [product.pk]})
    assert noted() == [("admin", "change", "catalog.product Mug", ["is_active"])]


def test_buttons_in_the_admin(browser: Client, customer: User, make_product: Any, shipping: Any) -> None:
    order = ordered(customer, make_product(price="10.00"))
    in_dialog(browser, url_of("orders.order", "cancel", order.pk), {"reason": "They called"})
    event = StripeEvent.objects.create(id="evt_1", type="a.b", payload=EVENT, created_at=order.created_at)
    in_dialog(browser, url_of("payments.stripeevent", "replay", event.pk), {})
    in_dialog(browser, url_of("accounts.user", "send_verification", customer.pk), {})
    job = count_sales.enqueue(quantities={})
    in_dialog(browser, url_of("shop.job", "run_now", job.pk), {})
    assert noted() == [
        ("admin", "cancel", f"orders.order {order.number}", []),
        ("admin", "replay", "payments.stripeevent a.b", []),
        ("admin", "mail", "accounts.user", []),
        ("admin", "run", "shop.job catalog.count_sales", []),
    ]


def test_passwords_set_in_the_admin_are_noted_and_nothing_of_them(browser: Client, staff: User, customer: User) -> None:
    new = {"password1": "another-horse-battery", "password2": "another-horse-battery", "usable_password": "true"}
    browser.post(f"/admin/accounts/user/{customer.pk}/password/", new)
    own = {"old_password": PASSWORD, "new_password1": "yet-another-horse", "new_password2": "yet-another-horse"}
    browser.post("/admin/password_change/", own)
    assert noted() == [("admin", "change", "accounts.user", ["password"])] * 2


def test_nothing_of_a_person_is_in_the_log(browser: Client, customer: User) -> None:
    change(browser, "accounts.user", customer.pk, email="countess@example.com", name="Countess Lovelace")
    browser.post(url_of("accounts.user", "delete", customer.pk), {"post": "yes"})
    rows = str(list(StaffAction.objects.values()))
    assert len(noted()) == 2
    # "ada" alone may be part of an id.
    for part in ("ada@", "Ada", "countess", "Countess", "example.com"):
        assert part not in rows


# --- The log itself ---------------------------------------------------------------------------------------------------


@pytest.fixture
def row(as_staff: APIClient, make_product: Any) -> StaffAction:
    as_staff.patch(f"{API}/products/{make_product('Mug').pk}/", {"name": "Cup"})
    return StaffAction.objects.get()


def test_a_row_is_neither_changed_nor_deleted(row: StaffAction, staff: User) -> None:
    row.action = "delete"
    for attempt in (
        row.save,
        row.delete,
        StaffAction.objects.all().delete,
        lambda: StaffAction.objects.update(staff="x"),
        lambda: StaffAction.objects.filter(pk=row.pk).update(staff="x"),
    ):
        with pytest.raises(AppendOnly):
            attempt()
    staff.delete()
    assert StaffAction.objects.get().action == "change"


def test_a_superuser_reads_it_in_the_admin_and_that_is_all(browser: Client, row: StaffAction) -> None:
    listed = browser.get(url_of("shop.staffaction")).content.decode()
    for text in ("boss@example.com", "product Cup", "name", "API"):
        assert text in listed
    page = browser.get(url_of("shop.staffaction", "change", row.pk))
    assert page.status_code == 200
    assert row.request_id in page.content.decode()
    assert browser.get(url_of("shop.staffaction", "add")).status_code == 403
    assert browser.post(url_of("shop.staffaction", "change", row.pk), {"staff": "x"}).status_code == 403
    assert browser.post(url_of("shop.staffaction", "delete", row.pk), {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    browser.post(url_of("shop.staffaction"), chosen)
    assert StaffAction.objects.get().staff == row.staff


def test_it_is_searched_and_filtered(browser: Client, row: StaffAction, make_user: Callable[..., User]) -> None:
    def found(**parameters: str) -> int:
        return browser.get(url_of("shop.staffaction"), parameters).context["cl"].result_count

    for text in ("boss@", "BOSS@example", row.object_id, row.request_id, row.staff, "Cup"):
        assert found(q=text) == 1, text
    assert [found(q=text) for text in ("nobody@", "0" * 24, "Mug")] == [0, 0, 0]
    assert (found(model="catalog.product"), found(model="orders.order")) == (1, 0)
    assert (found(action__exact="change"), found(action__exact="delete")) == (1, 0)
    assert (found(via__exact="api"), found(via__exact="admin")) == (1, 0)
    assert found(at_from="2020-01-01") == 1


def test_an_object_s_history_shows_who_did_what_to_it(
    browser: Client, row: StaffAction, make_user: Callable[..., User]
) -> None:
    history = url_of("catalog.product", "history", row.object_id)
    page = browser.get(history).content.decode()
    for text in ("boss@example.com", "Changed (API)", "name"):
        assert text in page
    other = catalog.create_product(data={"name": "Plate", "price": "1.00"})
    empty = browser.get(url_of("catalog.product", "history", other.pk)).content.decode()
    assert "No changes by staff yet" in empty
    clerk = browser_of(allow(make_user(), "orders.view_order"))
    assert clerk.get(history).status_code == 403


def test_the_row_of_a_deleted_user_shows_their_id(row: StaffAction, make_user: Callable[..., User]) -> None:
    User.objects.filter(pk=row.staff).delete()
    browser = browser_of(make_user(is_staff=True, is_superuser=True))
    assert row.staff in browser.get(url_of("shop.staffaction")).content.decode()
    assert row.staff in browser.get(url_of("catalog.product", "history", row.object_id)).content.decode()
