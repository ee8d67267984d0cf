"""Scheduled sale prices, and the lowest price of 30 days."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from catalog import price_changes
from catalog.models import Product, Variant
from catalog.price_changes import CompareAtPriceRule, Kind, Rounding, Rule
from catalog.price_history import PriceRecord
from catalog.sales import PricePlan
from catalog.tests.conftest import LIST
from catalog.tests.files import export_products, faults, import_products, rows_of
from catalog.tests.product_page import save
from orders.models import ShippingMethod
from shop.audit import violations
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import cart_of, place_order
from shop.dev.testing.tasks import run_due_tasks

pytestmark = pytest.mark.django_db

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START = datetime(2030, 3, 1, 12, tzinfo=UTC)


class Clock:
    """Django's clock, which the test moves; a name such as ``clock.at(DAY)`` counts from ``START``."""

    def __init__(self) -> None:
        self.time = START

    def at(self, passed: timedelta) -> None:
        self.time = START + passed

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(timezone, "now", clock)
    return clock


@pytest.fixture
def coat(clock: Clock, make_product: Callable[..., Product]) -> Product:
    """For sale at 80 instead of 100 from the second to the third hour, in one of two sizes."""
    sale = {"sale_price": "80", "sale_starts_at": START + HOUR, "sale_ends_at": START + 2 * HOUR}
    variants = [
        {"sku": "COAT-S", "options": {"size": "S"}, "price": "100", "stock": 5, **sale},
        {"sku": "COAT-L", "options": {"size": "L"}, "price": "120", "stock": 5},
    ]
    return make_product("Coat", variants=variants)


def shown(client: APIClient) -> dict[str, Any]:
    (item,) = client.get(LIST, {"search": "coat"}).json()["results"]
    detail = client.get(f"{LIST}coat/").json()
    names = ("price", "price_min", "price_max", "compare_at_price")
    assert {name: item[name] for name in names} == {name: detail[name] for name in names}
    assert detail["variants"][0]["price"] == detail["price"]
    return detail


def test_a_sale_price_applies_exactly_at_its_times_everywhere(
    anonymous: APIClient, as_customer: APIClient, clock: Clock, coat: Product, shipping: ShippingMethod
) -> None:
    small = Variant.objects.get(sku="COAT-S")
    moment = timedelta(milliseconds=1)
    for passed, price, compare_at in (
        (HOUR - moment, "100.00", None),
        (HOUR, "80.00", "100.00"),
        (2 * HOUR - moment, "80.00", "100.00"),
        (2 * HOUR, "100.00", None),
    ):
        clock.at(passed)
        detail = shown(anonymous)
        assert (detail["price"], detail["compare_at_price"], detail["price_max"]) == (price, compare_at, "120.00")
        assert detail["variants"][0]["compare_at_price"] == compare_at
        cart = as_customer.post("/api/v1/cart/items/", {"variant": str(small.pk), "quantity": 1}, format="json").json()
        assert cart["items"][0]["unit_price"] == price
        assert place_order(as_customer)["lines"][0]["unit_price"] == price
        run_due_tasks()
        assert violations() == []
    assert cart_of(as_customer)["items"] == []


def test_the_order_and_filters_of_lists_follow_with_the_worker(
    anonymous: APIClient, clock: Clock, coat: Product, make_product: Callable[..., Product]
) -> None:
    make_product("Hat", price="90")

    def cheapest() -> list[str]:
        return [item["name"] for item in anonymous.get(LIST, {"ordering": "price"}).json()["results"]]

    assert cheapest() == ["Hat", "Coat"]
    clock.at(HOUR)
    run_due_tasks()
    assert cheapest() == ["Coat", "Hat"]
    assert anonymous.get(LIST, {"max_price": "85"}).json()["count"] == 1
    assert Product.objects.get(slug="coat").regular_price == 100
    clock.at(3 * HOUR)
    run_due_tasks()
    assert cheapest() == ["Hat", "Coat"]
    coat.refresh_from_db()
    assert (coat.price, coat.regular_price, coat.next_price_at) == (100, None, None)
    assert violations() == []


def test_the_lowest_price_of_30_days_before_a_reduction(
    anonymous: APIClient, as_staff: APIClient, clock: Clock, make_product: Callable[..., Product]
) -> None:
    product = make_product("Coat", sku="COAT", price="100")
    url = f"{LIST}{product.pk}/"

    def lowest() -> str | None:
        return shown(anonymous)["lowest_price_30_days"]

    def change(**fields: Any) -> None:
        reply = as_staff.patch(url, fields, format="json")
        assert reply.status_code == 200, reply.content

    clock.at(10 * DAY)
    change(price="60")
    clock.at(20 * DAY)
    change(price="100")
    assert lowest() is None
    # Lower than before, but 20 days ago it was lower still.
    clock.at(30 * DAY)
    change(sale_price="80", sale_starts_at=START + 31 * DAY, sale_ends_at=START + 60 * DAY)
    assert lowest() is None
    clock.at(31 * DAY)
    assert lowest() == "60.00"
    # A later end is no new reduction, a lower sale price is one.
    clock.at(40 * DAY)
    change(sale_ends_at=START + 61 * DAY)
    assert lowest() == "60.00"
    clock.at(55 * DAY)
    change(sale_price="75")
    assert lowest() == "80.00"
    clock.at(61 * DAY)
    assert lowest() is None
    # Far beyond: the sale's prices are forgotten.
    clock.at(100 * DAY)
    change(sale_price=None, price="90", compare_at_price="110")
    assert lowest() == "100.00"
    change(price="95")
    assert lowest() is None
    assert violations() == []


def test_bulk_changes_and_imports_are_in_the_history(
    clock: Clock, make_product: Callable[..., Product], tmp_path: Path
) -> None:
    product = make_product("Coat", sku="COAT", price="100")
    assert not PriceRecord.objects.exists()
    clock.at(DAY)
    rule = Rule(Kind.LOWER_PERCENT, Decimal(10), Rounding.STEP)
    price_changes.apply(
        price_changes.plan(products=[product.pk], rule=rule, at_most=10), compare_at=CompareAtPriceRule.KEEP
    )
    clock.at(2 * DAY)
    file = {"sku": "COAT", "price": "95", "sale_price": "70", "sale_starts_at": "2030-03-05T00:00+01:00"}
    import_products(tmp_path, [file])
    records = PriceRecord.objects.order_by("at").values_list("at", "before", "price")
    assert list(records) == [
        (START + DAY, 100, 90),
        (START + 2 * DAY, 90, 95),
        (datetime(2030, 3, 4, 23, tzinfo=UTC), 95, 70),
    ]
    assert rows_of(export_products(tmp_path))[0]["sale_starts_at"] == "2030-03-04T23:00:00+00:00"
    assert Variant.objects.get().lowest_before_sale == 90
    product.delete()
    assert not PriceRecord.objects.exists()


def test_staff_plan_sales_by_api_and_in_the_admin(as_staff: APIClient, browser: Client, mug: Product) -> None:
    url = f"{LIST}{mug.pk}/"
    variant = Variant.objects.get(product=mug.pk)
    for body in (
        {"sale_price": "10"},
        {"sale_price": "8", "sale_starts_at": "2030-01-02T00:00Z", "sale_ends_at": "2030-01-02T00:00Z"},
    ):
        assert refusal(as_staff.patch(url, body, format="json"), 400) == ("invalid_sale", "sale_price")
    assert refusal(as_staff.patch(url, {"sale_ends_at": "soon"}, format="json"), 400)[1] == "sale_ends_at"
    reply = as_staff.patch(f"/api/v1/variants/{variant.pk}/", {"sale_price": "8"}, format="json").json()
    assert (reply["price"], reply["regular_price"], reply["compare_at_price"]) == ("8.00", "10.00", "10.00")
    save(browser, mug, variants__0__sale_price="7.50", variants__0__sale_ends_at="2040-01-01T10:30")
    variant.refresh_from_db()
    assert (variant.sale_price, variant.sale_ends_at) == (7.5, datetime(2040, 1, 1, 10, 30, tzinfo=UTC))
    page = save(browser, mug, variants__0__sale_price="11")
    assert page.status_code == 200
    variant.refresh_from_db()
    assert variant.sale_price == 7.5
    assert violations() == []


def test_a_time_that_overflows_is_refused_and_wedges_nothing(
    as_staff: APIClient, browser: Client, mug: Product, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Variant.objects.values().get()
    for time in ("9999-12-31T00:00Z", "3000-01-01T00:00Z", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"):
        for name in ("sale_starts_at", "sale_ends_at"):
            body = {"sale_price": "8", name: time}
            assert refusal(as_staff.patch(f"{LIST}{mug.pk}/", body, format="json"), 400)[1] == name
        row = {"sku": "MUG", "sale_price": "8", "sale_ends_at": time}
        assert faults(tmp_path, [row], monkeypatch) == [(2, "sale_ends_at")]
    for time in ("0001-01-01T00:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        assert refusal(as_staff.get(LIST, {"updated_since": time}), 400)[1] == "updated_since"
    page = save(browser, mug, variants__0__sale_price="8", variants__0__sale_ends_at="9999-12-31T00:00")
    assert "Must be in a year from 1970 to 2999." in page.content.decode()
    assert Variant.objects.values().get() == before
    # As an earlier release may have stored it.
    Variant.objects.update(sale_price=8, sale_ends_at=datetime(9999, 12, 31, tzinfo=UTC))
    assert as_staff.patch(f"{LIST}{mug.pk}/", {"name": "Cup"}, format="json").status_code == 200
    assert violations() == []


def test_a_bulk_change_below_a_sale_leaves_the_product_editable(
    as_staff: APIClient, browser: Client, mug: Product
) -> None:
    url, variant = f"{LIST}{mug.pk}/", Variant.objects.get()
    as_staff.patch(url, {"sale_price": "8"}, format="json")
    rule = Rule(Kind.LOWER_AMOUNT, Decimal(3), Rounding.STEP)
    price_changes.apply(
        price_changes.plan(products=[mug.pk], rule=rule, at_most=10), compare_at=CompareAtPriceRule.KEEP
    )
    assert as_staff.patch(url, {"name": "Cup"}, format="json").json()["price"] == "7.00"
    save(browser, mug, name="Beaker", variants__0__weight="300")
    variant.refresh_from_db()
    assert (variant.weight, variant.price, Product.objects.get().name) == (300, 7, "Beaker")
    # Another plan that has no effect is refused, and one that has ended is not.
    assert refusal(as_staff.patch(url, {"price": "6"}, format="json"), 400) == ("invalid_sale", "sale_price")
    assert "Must be below the price." in save(browser, mug, variants__0__price="6").content.decode()
    assert as_staff.patch(url, {"price": "6", "sale_ends_at": "2020-01-01T00:00Z"}, format="json").status_code == 200
    save(browser, mug, variants__0__price="5")
    variant.refresh_from_db()
    assert variant.price == 5
    assert violations() == []


def test_a_plan_is_the_same_after_it_was_recorded() -> None:
    plan = PricePlan(*map(Variant._meta.get_field("price").to_python, ("19.90", "9.5")), START, None)
    assert PricePlan.parse(str(plan)) == plan
    assert plan.changes_after(START - HOUR) == [START]
