"""Staff change stock in the admin."""

import pytest
from django.test import Client

from accounts.models import User
from catalog.models import Product, StockMovement, Variant
from catalog.tests.product_page import save
from shop.dev.testing.admin import errors_of, in_dialog, messages_of, url_of


def test_stock_is_changed_with_a_reason_and_written_into_the_ledger(
    browser: Client, staff: User, shirt: Product
) -> None:
    save(browser, shirt, variants__0__stock_change="-2", variants__0__stock_note="moths")
    assert Variant.objects.get(sku="SHIRT-S").stock == 3
    movement = StockMovement.objects.get(reason="adjustment")
    assert (movement.delta, movement.note, movement.reference) == (-2, "moths", str(staff.pk))


def test_stock_does_not_change_without_a_reason(browser: Client, shirt: Product) -> None:
    assert errors_of(save(browser, shirt, variants__0__stock_change="3")) == {
        "variants-0-stock_note": ["Enter a reason for the stock change."]
    }
    assert Variant.objects.get(sku="SHIRT-S").stock == 5


def test_more_than_there_is_cannot_be_taken_away(browser: Client, shirt: Product) -> None:
    page = save(browser, shirt, variants__0__stock_change="-6", variants__0__stock_note="moths")
    assert errors_of(page) == {"variants-0-stock_change": ["Only 5 in stock."]}


@pytest.mark.parametrize(("entered", "stock"), [({"change": "3"}, 8), ({"counted": "2"}, 2)])
def test_stock_is_changed_by_a_number_or_set_to_what_was_counted(
    browser: Client, shirt: Product, entered: dict[str, str], stock: int
) -> None:
    variant = Variant.objects.get(sku="SHIRT-S")
    url = url_of("catalog.variant", "change_stock", variant.pk)
    page = browser.post(url, {"note": "counted", **entered}, follow=True)
    assert messages_of(page) == ["The stock of SHIRT-S was changed."]
    variant.refresh_from_db()
    assert variant.stock == stock == sum(StockMovement.objects.filter(variant=variant).values_list("delta", flat=True))


def test_the_stock_dialog_says_what_is_missing_or_impossible(browser: Client, shirt: Product) -> None:
    url = url_of("catalog.variant", "change_stock", Variant.objects.get(sku="SHIRT-S").pk)
    unclear = in_dialog(browser, url, {"note": "x", "change": "1", "counted": "2"})
    assert "Enter either an adjustment or a quantity." in unclear.content.decode()
    form = in_dialog(browser, url, {"note": "x", "change": "-9"}).context["form"]
    assert "Only 5 in stock; 9 cannot be removed." in str(form.errors)
    assert Variant.objects.get(sku="SHIRT-S").stock == 5
