"""Changes between an export, the preview of its import and its confirmation are kept."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError
from django.test import Client

from catalog import categories, services, stock
from catalog.importing import writing
from catalog.models import Category, Product, StockMovement, Variant
from catalog.tests.files import (
    confirmed,
    conflicts,
    export_products,
    faults,
    import_products,
    pieces,
    previewed,
    rows_of,
)
from shop import audit
from shop.dev.testing.admin import url_of
from shop.dev.testing.steps import dump_database

pytestmark = pytest.mark.django_db


def products() -> list[Any]:
    dump = dump_database()
    return [dump[name] for name in ("catalog_product", "catalog_variant", "catalog_stockmovement")]


# --- Between the preview and the confirmation -------------------------------------------------------------------------


def test_what_is_sold_after_the_preview_stays_sold(browser: Client, mug: Product, buy: Callable[..., None]) -> None:
    run = previewed(browser, {"sku": "MUG", "stock": "8"})
    buy(mug, 2)
    assert confirmed(browser, run).conflicts == 0
    assert pieces("MUG") == 6
    assert StockMovement.objects.get(reason="import").delta == 3


def test_more_than_is_left_is_not_taken_away(
    browser: Client, mug: Product, hat: Product, buy: Callable[..., None]
) -> None:
    run = previewed(browser, {"sku": "MUG", "stock": "1"}, {"sku": "HAT", "stock": "1"})
    buy(mug, 3)
    assert confirmed(browser, run).conflicts == 1
    assert conflicts(run) == ["Only 2 of MUG in stock; 4 cannot be removed."]
    assert (pieces("MUG"), pieces("HAT")) == (2, 1)


def test_stock_counted_after_the_preview_is_not_changed(browser: Client, mug: Product) -> None:
    run = previewed(browser, {"sku": "MUG", "stock": "8", "price": "11"})
    stock.adjust(Variant.objects.get(), to=6, note="counted")
    confirmed(browser, run)
    assert "The stock of MUG was counted or imported since the file was checked" in conflicts(run)[0]
    # All of the product is left alone, not a part of it.
    assert (pieces("MUG"), Variant.objects.get().price) == (6, 10)


def test_a_product_changed_after_the_preview_is_skipped_and_shown(browser: Client, mug: Product, hat: Product) -> None:
    rows = {"sku": "MUG", "name": "Cup", "price": "11"}, {"sku": "HAT", "name": "Cap", "price": "12"}
    run = previewed(browser, *rows)
    services.update_product(product=mug, data={"price": "9.00"})
    confirmed(browser, run)
    assert conflicts(run) == ["price was “10.00” when the file was checked and is now “9.00”."]
    assert set(Product.objects.values_list("name", "price")) == {("Mug", 9), ("Cap", 12)}
    page = browser.get(url_of("catalog.importrun", "change", run.pk), {"conflicts": ""})
    assert [step.name for step in page.context["page"]] == ["Mug"]


def test_other_changes_to_the_product_are_kept(browser: Client, mug: Product) -> None:
    run = previewed(browser, {"sku": "MUG", "attr:colour": "red", "price": "11"})
    services.update_product(product=mug, data={"attributes": {"size": "big"}, "description": "Round."})
    assert confirmed(browser, run).conflicts == 0
    product = Product.objects.get()
    assert (product.attributes, product.description, product.price) == ({"size": "big", "colour": "red"}, "Round.", 11)


def test_an_identical_change_by_others_is_no_conflict(browser: Client, mug: Product) -> None:
    run = previewed(browser, {"sku": "MUG", "price": "11", "stock": "8"})
    services.update_product(product=mug, data={"price": "11.00", "stock": 8})
    assert confirmed(browser, run).conflicts == 0
    assert pieces("MUG") == 8


@pytest.mark.parametrize(
    ("rows", "meanwhile", "told"),
    [
        ({"sku": "MUG", "price": "11"}, lambda: Product.objects.all().delete(), "The product was deleted."),
        (
            {"sku": "MUG", "price": "11"},
            lambda: services.update_product(
                product=Product.objects.get(), data={"variants": [{"sku": "CUP", "price": "1.00"}]}
            ),
            "The variant MUG was deleted.",
        ),
        (
            {"sku": "NEW", "name": "New", "price": "1"},
            lambda: services.create_product(data={"name": "Other", "sku": "NEW", "price": "2.00"}),
            "The variant NEW now exists.",
        ),
        (
            {"sku": "NEW", "name": "New", "price": "1"},
            lambda: services.create_product(data={"name": "New", "price": "2.00"}),
            "Another product now has the slug new.",
        ),
        (
            {"sku": "MUG", "category": "cups"},
            lambda: categories.delete_category(category=Category.objects.get()),
            "category: Category “cups” does not exist. Enter a slug or path.",
        ),
        (
            {"sku": "RED", "slug": "mug", "price": "1", "option:colour": "red"},
            lambda: services.update_product(product=Product.objects.get(), data={"options": {"colour": "red"}}),
            "Two variants have the same options.",
        ),
    ],
)
def test_what_has_become_impossible_is_left_alone(
    browser: Client,
    mug: Product,
    make_category: Callable[..., Category],
    rows: dict[str, str],
    meanwhile: Callable[[], Any],
    told: str,
) -> None:
    make_category("Cups", slug="cups")
    run = previewed(browser, rows)
    meanwhile()
    before = products()
    confirmed(browser, run)
    assert conflicts(run) == [told]
    assert products() == before


def test_units_that_are_owed_refuse_a_policy_without_them(
    browser: Client, mug: Product, hat: Product, tmp_path: Path, buy: Callable[..., None], monkeypatch: Any
) -> None:
    services.update_product(product=mug, data={"stock_policy": "backorder"})
    run = previewed(browser, {"sku": "MUG", "stock_policy": "deny"}, {"sku": "HAT", "stock_policy": "backorder"})
    buy(mug, 7)
    confirmed(browser, run)
    (told,) = conflicts(run)
    assert "Units of a variant are owed" in told
    policies = dict(Variant.objects.values_list("sku", "stock_policy"))
    assert policies == {"MUG": "backorder", "HAT": "backorder"}
    # The next check says so.
    assert faults(tmp_path, [{"sku": "MUG", "stock_policy": "deny"}], monkeypatch) == [(2, "stock_policy")]
    import_products(tmp_path, [{"sku": "MUG", "stock_policy": "deny", "stock": "4"}])
    assert Variant.objects.filter(sku="MUG", stock_policy="deny", stock=4).exists()
    assert audit.violations() == []


def test_a_refusal_in_the_last_moment_leaves_only_that_product_alone(
    browser: Client, mug: Product, hat: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if two imports add the same SKU, which neither could see in the other."""
    run = previewed(
        browser,
        {"sku": "NEW", "name": "New", "price": "1"},
        {"sku": "MUG", "name": "", "price": "11"},
        {"sku": "HAT", "name": "", "price": "12"},
    )
    services.create_product(data={"name": "Other", "sku": "NEW", "price": "2.00"})
    init = writing._Batch.__init__

    def unseen(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        self._skus = set()

    monkeypatch.setattr(writing._Batch, "__init__", unseen)
    confirmed(browser, run)
    assert conflicts(run) == ["It was changed by someone else."]
    assert Variant.objects.get(sku="NEW").price == 2
    assert (Variant.objects.get(sku="MUG").price, Variant.objects.get(sku="HAT").price) == (11, 12)


# --- Between an export and its import ---------------------------------------------------------------------------------


def exported(folder: Path, **changes: str) -> list[dict[str, str]]:
    """An export in which these cells of the first row are edited."""
    first, *others = rows_of(export_products(folder))
    return [{**first, **changes}, *others]


def test_stock_unchanged_in_the_file_keeps_later_sales(tmp_path: Path, mug: Product, buy: Callable[..., None]) -> None:
    rows = exported(tmp_path, price="11")
    buy(mug, 2)
    stock.adjust(Variant.objects.get(), delta=10, note="delivery")
    import_products(tmp_path, rows)
    assert (pieces("MUG"), Variant.objects.get().price) == (13, 11)
    assert not StockMovement.objects.filter(reason="import").exists()
    assert audit.violations() == []


@pytest.mark.parametrize(("wanted", "becomes"), [("15", 13), ("4", 2), ("3", 1)])
def test_a_stock_that_was_changed_in_the_file_changes_by_the_difference(
    tmp_path: Path, mug: Product, buy: Callable[..., None], wanted: str, becomes: int
) -> None:
    rows = exported(tmp_path, stock=wanted)
    buy(mug, 2)
    assert f"stock: 3 → {becomes}" in import_products(tmp_path, rows, "--dry-run")
    import_products(tmp_path, rows)
    assert pieces("MUG") == becomes
    assert audit.violations() == []


def test_a_difference_is_not_imported_twice(tmp_path: Path, mug: Product, buy: Callable[..., None]) -> None:
    rows = exported(tmp_path, stock="15")
    import_products(tmp_path, rows)
    assert "0 changed, 1 unchanged" in import_products(tmp_path, rows)
    buy(mug, 2)
    with pytest.raises(CommandError, match="1 error"):
        import_products(tmp_path, rows)
    assert pieces("MUG") == 13


def test_without_the_note_of_the_export_a_stock_is_what_the_file_says(
    tmp_path: Path, mug: Product, buy: Callable[..., None]
) -> None:
    rows = exported(tmp_path, stock="15", stock_base="")
    buy(mug, 2)
    import_products(tmp_path, rows)
    assert pieces("MUG") == 15
    with pytest.raises(CommandError, match="1 error"):
        import_products(tmp_path, [{**rows[0], "stock": "16", "stock_base": "about 5"}])


def test_more_than_is_left_since_the_export_is_an_error(tmp_path: Path, mug: Product, buy: Callable[..., None]) -> None:
    rows = exported(tmp_path, stock="1")
    buy(mug, 3)
    with pytest.raises(CommandError, match="1 error"):
        import_products(tmp_path, rows)
    assert pieces("MUG") == 2
