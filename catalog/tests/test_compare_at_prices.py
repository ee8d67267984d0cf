"""A compare-at price is above the price, whichever of them is written."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError
from django.test import Client
from rest_framework.test import APIClient

from catalog import price_changes
from catalog.models import Product, Variant
from catalog.price_changes import CompareAtPriceRule, Kind, Rounding, Rule
from catalog.tests.conftest import LIST
from catalog.tests.files import import_products
from shop.dev.testing.admin import filled_in, url_of
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import dump_database

pytestmark = pytest.mark.django_db

TOO_LOW = ("former_price_too_low", "compare_at_price")


@pytest.fixture
def shirt(make_product: Callable[..., Product]) -> Product:
    variants = [
        {"sku": f"S-{size}", "options": {"size": size}, "price": price} for size, price in (("S", 20), ("M", 25))
    ]
    return make_product("Shirt", variants=variants, compare_at_price="30")


def test_the_api_refuses_one_that_is_not(as_staff: APIClient, shirt: Product) -> None:
    before = dump_database()
    for former in ("20", "19.99", "0"):
        body = {"name": "New", "price": "20", "compare_at_price": former}
        assert refusal(as_staff.post(LIST, body), 400) == TOO_LOW
        assert refusal(as_staff.patch(f"{LIST}{shirt.pk}/", {"compare_at_price": former}), 400) == TOO_LOW
    dear = [{"sku": f"S-{size}", "price": "30"} for size in "SM"]
    assert refusal(as_staff.put(f"{LIST}{shirt.pk}/", {"name": "Shirt", "variants": dear}), 400) == TOO_LOW
    small = Variant.objects.get(sku="S-S")
    Variant.objects.filter(sku="S-M").update(is_active=False)
    before = dump_database()
    assert refusal(as_staff.patch(f"/api/v1/variants/{small.pk}/", {"price": "30"}), 400) == (TOO_LOW[0], "price")
    assert dump_database() == before
    assert as_staff.patch(f"{LIST}{shirt.pk}/", {"compare_at_price": "20.01"}).json()["compare_at_price"] == "20.01"


def test_both_may_be_changed_at_once(as_staff: APIClient, make_product: Callable[..., Product]) -> None:
    mug = make_product("Mug", price="10", compare_at_price="12")
    changed = as_staff.patch(f"{LIST}{mug.pk}/", {"price": "15", "compare_at_price": "18"}).json()
    assert (changed["price"], changed["compare_at_price"]) == ("15.00", "18.00")
    assert as_staff.patch(f"{LIST}{mug.pk}/", {"price": "18", "compare_at_price": None}).status_code == 200


def test_the_admin_shows_the_error_at_the_field(browser: Client, shirt: Product) -> None:
    page = url_of("catalog_product", "change", shirt.pk)
    form = filled_in(browser.get(page))
    before = dump_database()
    for change in ({"compare_at_price": "20"}, {"variants-0-price": "31", "variants-1-price": "32"}):
        reply = browser.post(page, {**form, **change})
        assert reply.status_code == 200
        assert "The compare-at price must be above the price" in reply.content.decode()
        assert dump_database() == before
    assert browser.post(page, {**form, "compare_at_price": "21"}).status_code == 302


@pytest.mark.parametrize(
    "row",
    [
        {"sku": "S-S", "compare_at_price": "20"},
        {"sku": "S-S", "price": "40", "variant_active": "yes"},
        {"sku": "NEW", "name": "New", "price": "5", "compare_at_price": "5"},
    ],
)
def test_an_import_refuses_it_by_its_cell(tmp_path: Path, shirt: Product, row: dict[str, str]) -> None:
    Variant.objects.filter(sku="S-M").update(is_active=False)
    before = dump_database()
    with pytest.raises(CommandError, match="nothing was changed"):
        import_products(tmp_path, [row])
    assert dump_database() == before


def test_an_import_of_both_together_is_fine(tmp_path: Path, shirt: Product) -> None:
    import_products(tmp_path, [{"sku": "S-S", "price": "21", "compare_at_price": "22"}])
    assert Product.objects.get().compare_at_price == 22


def test_a_bulk_increase_removes_former_prices_that_it_reaches(
    shirt: Product, make_product: Callable[..., Product]
) -> None:
    hat = make_product("Hat", price="10", compare_at_price="50")
    rule = Rule(Kind.RAISE_AMOUNT, 10, Rounding.STEP)
    plan = price_changes.plan(products=[shirt.pk, hat.pk], rule=rule, at_most=10)
    assert len(price_changes.apply(plan, compare_at=CompareAtPriceRule.KEEP)) == 3
    assert Product.objects.get(pk=shirt.pk).compare_at_price is None
    assert Product.objects.get(pk=hat.pk).compare_at_price == 50
