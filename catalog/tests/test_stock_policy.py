"""Variants that are sold while in stock, on back-order, or always."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from catalog import services, stock
from catalog.errors import OutOfStock
from catalog.models import Product, StockMovement, Variant
from catalog.tests.conftest import LIST
from catalog.tests.files import export_products, import_products, rows_of
from catalog.tests.product_page import run_jobs
from conftest import client_of
from orders.models import ShippingMethod
from shop.audit import violations
from shop.dev.testing.admin import url_of
from shop.dev.testing.commands import count_commands
from shop.dev.testing.replies import refusal, refusals
from shop.dev.testing.steps import API, add_to_cart, place_order, run_concurrently

pytestmark = pytest.mark.django_db

BACKORDER = {"stock_policy": "backorder", "backorder_limit": 3, "expected_on": "2027-02-01"}


@pytest.fixture
def mug(make_product: Callable[..., Product]) -> Variant:
    return Variant.objects.get(product=make_product("Mug", sku="MUG", price="10", stock=2))


def change(client: APIClient, variant: Variant, **body: Any) -> Any:
    return client.patch(f"{API}/variants/{variant.pk}/", body)


def shown(client: APIClient) -> dict[str, Any]:
    (found,) = client.get(f"{LIST}mug/").json()["variants"]
    return found


def take(variant: Variant, units: int, reference: str = "X") -> None:
    stock.reserve({variant.pk: units}, reason=StockMovement.Reason.ORDER, reference=reference)


def give_back(variant: Variant, units: int, reference: str = "X") -> None:
    stock.release({reference: {variant.pk: units}}, reason=StockMovement.Reason.CANCELLATION)


def test_a_back_order_is_sold_below_zero_to_its_limit_and_says_so(
    as_staff: APIClient, as_customer: APIClient, anonymous: APIClient, mug: Variant, shipping: ShippingMethod
) -> None:
    assert change(as_staff, mug, **BACKORDER).status_code == 200
    assert shown(anonymous)["availability"] == "in_stock"
    assert "stock_policy" not in shown(anonymous)
    assert refusal(add(as_customer, mug, 6), 409) == ("out_of_stock", "quantity")
    assert add(as_customer, mug, 4).json()["items"][0]["backordered"] == 2
    with count_commands() as commands:
        cart = as_customer.get(f"{API}/cart/").json()
    assert len(commands) <= 2
    assert (cart["items"][0]["expected_on"], cart["warnings"]) == ("2027-02-01", [])
    order = place_order(as_customer)
    line = order["lines"][0]
    assert (line["quantity"], line["backordered"], line["expected_on"]) == (4, 2, "2027-02-01")

    found = shown(as_staff)
    wanted = {"stock": -2, "available_quantity": 1, "in_stock": True, "availability": "backorder", **BACKORDER}
    assert {name: found[name] for name in wanted} == wanted
    assert anonymous.get(LIST, {"in_stock": "true"}).json()["count"] == 1
    add_to_cart(as_customer, mug.product, 1)
    place_order(as_customer)
    assert (shown(anonymous)["in_stock"], shown(anonymous)["availability"]) == (False, "out_of_stock")
    assert anonymous.get(LIST, {"in_stock": "true"}).json()["count"] == 0
    assert refusal(add(as_customer, mug, 1), 409) == ("out_of_stock", "quantity")
    assert violations() == []

    assert as_customer.post(f"{API}/orders/{order['number']}/cancel/", {}).status_code == 200
    assert Variant.objects.get().stock == 1
    assert anonymous.get(LIST, {"in_stock": "true"}).json()["count"] == 1
    assert violations() == []
    run_jobs()
    assert [text for text in outgoing() if "2 on back-order, expected on 1 February 2027" in text]


def outgoing() -> list[str]:
    return [str(message.body) for message in mail.outbox]


def add(client: APIClient, variant: Variant, quantity: int) -> Any:
    return client.post(f"{API}/cart/items/", {"variant": str(variant.pk), "quantity": quantity})


@pytest.mark.parametrize("policy", [{"stock_policy": "untracked"}, {"stock_policy": "backorder"}])
def test_without_a_limit_it_is_always_sold(
    as_staff: APIClient, anonymous: APIClient, mug: Variant, policy: dict[str, str]
) -> None:
    found = change(as_staff, mug, **policy).json()
    assert (found["available_quantity"], found["in_stock"]) == (None, True)
    with count_commands() as commands:
        take(mug, 500)
    assert commands.on(Product._meta.db_table) == []
    state = "in_stock" if policy["stock_policy"] == "untracked" else "backorder"
    assert (shown(anonymous)["in_stock"], shown(anonymous)["availability"]) == (True, state)
    assert "out" not in {warning["code"] for warning in add(anonymous, mug, 5).json()["warnings"]}
    give_back(mug, 500)
    assert Variant.objects.get().stock == 2
    assert violations() == []


def test_a_variant_that_owes_units_is_counted_before_it_is_sold_only_while_in_stock(
    as_staff: APIClient, mug: Variant
) -> None:
    change(as_staff, mug, **BACKORDER)
    take(mug, 4)
    assert refusal(change(as_staff, mug, stock_policy="deny"), 409) == ("stock_below_zero", "stock_policy")
    assert Variant.objects.get().stock_policy == "backorder"
    # A limit below what is owed sells no more.
    assert change(as_staff, mug, backorder_limit=0).json()["available_quantity"] == 0
    with pytest.raises(OutOfStock):
        take(mug, 1, "Y")
    url = f"{API}/variants/{mug.pk}/stock/"
    assert refusal(as_staff.post(url, {"delta": -1, "reason": "Lost"}), 409) == ("out_of_stock", None)
    assert as_staff.post(url, {"delta": 1, "reason": "Found"}).json()["stock"] == -1
    assert as_staff.post(url, {"set": 0, "reason": "Counted"}).json()["stock"] == 0
    assert change(as_staff, mug, stock_policy="deny").json()["available_quantity"] == 0
    give_back(mug, 4)
    assert violations() == []


def test_the_audit_finds_a_negative_stock_that_no_policy_allows(mug: Variant) -> None:
    services.update_variant(variant=mug, data={"stock_policy": "untracked"})
    take(mug, 5)
    give_back(mug, 5)
    Variant.objects.update(stock_policy="deny", stock=-3)
    assert [text for text in violations() if "MUG has -3 in stock" in text]


@pytest.mark.django_db(transaction=True)
def test_racing_sales_and_changes_of_the_policy_never_oversell(mug: Variant) -> None:
    services.update_variant(variant=mug, data={"stock_policy": "backorder", "backorder_limit": 4})
    sold = []

    def buy(number: int) -> None:
        try:
            take(mug, 1, f"R{number}")
        except OutOfStock:
            return
        sold.append(number)

    def deny() -> None:
        try:
            services.update_variant(variant=mug, data={"stock_policy": "deny"})
        except services.StockBelowZero:
            sold.append(-1)

    run_concurrently(*(lambda n=number: buy(n) for number in range(9)), deny)
    after = Variant.objects.get()
    units = len([number for number in sold if number >= 0])
    assert after.stock == 2 - units
    # Either the change came first and two were sold, or units were owed and it was refused.
    assert (after.stock_policy, units, -1 in sold) in [("deny", 2, False), ("backorder", 6, True)] or (
        after.stock_policy == "deny" and units <= 2
    )


@pytest.mark.parametrize(
    ("barcode", "is_valid"),
    [
        ("4006381333931", True),
        ("73513537", True),
        ("036000291452", True),
        ("00012345600012", True),
        ("", True),
        ("4006381333932", False),
        ("400638133393", False),
        ("٤٠٠٦٣٨١٣٣٣٩٣١", False),
        ("40063813339x1", False),
    ],
)
def test_a_barcode_has_its_check_digit(as_staff: APIClient, mug: Variant, barcode: str, is_valid: bool) -> None:
    reply = change(as_staff, mug, barcode=barcode)
    if is_valid:
        assert (reply.status_code, reply.json()["barcode"]) == (200, barcode)
    else:
        assert refusal(reply, 400) == ("invalid", "barcode")


def test_only_staff_see_what_a_variant_costs(as_staff: APIClient, as_customer: APIClient, mug: Variant) -> None:
    assert change(as_staff, mug, cost="4.20").json()["cost"] == "4.20"
    assert shown(as_staff)["cost"] == "4.20"
    assert {"cost", "stock", "available_quantity", "stock_policy"}.isdisjoint(shown(as_customer))
    for wrong in ({"cost": "-1"}, {"stock_policy": "maybe"}, {"backorder_limit": -1}, {"expected_on": "soon"}):
        assert {attr for _, attr in refusals(change(as_staff, mug, **wrong), 400)} == set(wrong)


def test_the_policy_is_exported_and_imported_unchanged(as_staff: APIClient, mug: Variant, tmp_path: Path) -> None:
    change(as_staff, mug, **BACKORDER, barcode="4006381333931", cost="4.20")
    take(mug, 4)
    file = export_products(tmp_path)
    (row,) = rows_of(file)
    wanted = {"barcode": "4006381333931", "cost": "4.20", "expected_on": "2027-02-01", "backorder_limit": "3"}
    assert {name: row[name] for name in wanted} == wanted
    assert row["stock_base"] == "-2#1"
    before = Variant.objects.values().get()
    import_products(tmp_path, file)
    assert Variant.objects.values().get() == before


def test_staff_change_the_policy_in_the_admin(browser: Client, mug: Variant, staff: User) -> None:
    page = browser.get(url_of("catalog.variant", "change", mug.pk)).content.decode()
    assert "Sold while in stock" in page
    data = {
        "stock_policy": "backorder",
        "backorder_limit": "",
        "expected_on": "2027-02-01",
        "barcode": "73513537",
        "cost": "3",
    }
    reply = browser.post(f"/admin/catalog/variant/{mug.pk}/stock-policy/", data)
    assert reply.status_code == 302
    row = Variant.objects.get()
    assert (row.stock_policy, row.backorder_limit, row.expected_on) == ("backorder", None, date(2027, 2, 1))
    take(mug, 5)
    page = browser.get(url_of("catalog.variant", "change", mug.pk)).content.decode()
    assert "3 owed" in page
    for chosen, count in (("none", 1), ("low", 1), ("reorder", 1), ("some", 0)):
        shown = browser.get(url_of("catalog.variant", "changelist"), {"stock": chosen}).context_data["cl"]
        assert shown.result_count == count
    assert "expected on 01 Feb 2027" in page
    data["stock_policy"] = "deny"
    browser.post(f"/admin/catalog/variant/{mug.pk}/stock-policy/", data)
    assert Variant.objects.get().stock_policy == "backorder"
    assert client_of(staff).get(f"{LIST}mug/").json()["variants"][0]["barcode"] == "73513537"
