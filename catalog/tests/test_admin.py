"""Staff manage the catalog in the admin."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from accounts.models import User
from catalog.models import Category, Product, ProductImage, StockMovement, Variant
from catalog.tests.product_page import run_jobs, save, stored_files
from orders.models import ShippingMethod
from shop.audit.staff_log import StaffAction
from shop.db import transactions
from shop.dev.testing.admin import allow, browser_of, errors_of, filled_in, messages_of, ordered, picture, url_of
from shop.dev.testing.commands import count_commands
from shop.dev.testing.failures import failing


@pytest.fixture(autouse=True)
def own_pictures(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


def test_a_product_is_made_with_its_variants_stock_and_pictures_on_one_page(browser: Client, staff: User) -> None:
    page = save(
        browser,
        name="Linen shirt",
        attributes="colour: red\nmaterial: linen",
        variants__TOTAL_FORMS=2,
        variants__0__sku="LINEN-S",
        variants__0__options="size: S",
        variants__0__price="39.90",
        variants__0__stock_change="7",
        variants__1__sku="LINEN-M",
        variants__1__options="size: M",
        variants__1__price="34.50",
        variants__1__is_active="on",
        images__0__files=[picture("a.png"), picture("b.png", colour="red")],
        images__0__alt="A shirt",
    )

    product = Product.objects.get(slug="linen-shirt")
    assert "was added successfully" in messages_of(page)[0]
    assert product.attributes == {"colour": "red", "material": "linen"}
    small, medium = Variant.objects.filter(product=product)
    assert (small.sku, small.options, small.stock, small.position) == ("LINEN-S", {"size": "S"}, 7, 0)
    assert (medium.sku, medium.stock, medium.position) == ("LINEN-M", 0, 1)
    movement = StockMovement.objects.get()
    assert (movement.delta, movement.reason, movement.reference) == (7, "initial", str(staff.pk))
    # The read model was written with it.
    assert str(product.price) in ("34.5", "34.50", "34.500")
    assert product.in_stock
    assert product.attribute_pairs == ["colour=red", "material=linen"]
    assert [each["alt"] for each in product.pictures] == ["A shirt", "A shirt"]
    assert stored_files() == {each["name"] for each in product.pictures}


def test_an_unchanged_product_is_saved_without_changing_anything(browser: Client, shirt: Product) -> None:
    before = list(Variant.objects.values()), Product.objects.values("name", "attributes", "price").get()
    page = save(browser, shirt)
    assert "was changed successfully" in messages_of(page)[0]
    assert (list(Variant.objects.values()), Product.objects.values("name", "attributes", "price").get()) == before
    assert StockMovement.objects.count() == 2


def test_the_lines_of_a_description_are_no_change_whatever_ends_a_browser_gives_them(
    browser: Client, make_product: Callable[..., Product]
) -> None:
    mug = make_product("Mug", description="Holds 300 ml.\nMade by hand.")
    save(browser, mug, description="Holds 300 ml.\r\nMade by hand.")
    assert Product.objects.get().description == "Holds 300 ml.\nMade by hand."
    assert not StaffAction.objects.exists()


def test_a_new_price_reaches_what_shoppers_read(browser: Client, shirt: Product) -> None:
    save(browser, shirt, variants__1__price="12.50")
    assert Product.objects.get().price == 12.5


def test_a_price_with_more_decimals_than_the_currency_is_refused(browser: Client, shirt: Product) -> None:
    assert "variants-0-price" in errors_of(save(browser, shirt, variants__0__price="12.505"))
    assert Product.objects.get().price == 20


def test_a_sale_while_the_page_was_open_is_not_undone(
    browser: Client, customer: User, shirt: Product, shipping: ShippingMethod
) -> None:
    url = url_of("catalog.product", "change", shirt.pk)
    data = filled_in(browser.get(url)) | {"variants-0-price": "22.00", "variants-0-stock_change": ""}
    ordered(customer, shirt, quantity=2)
    browser.post(url, data)
    variant = Variant.objects.get(sku="SHIRT-S")
    assert (variant.stock, variant.price) == (3, 22)


def test_a_save_whose_transaction_is_lost_runs_again_and_happens_once(browser: Client, shirt: Product) -> None:
    # As MongoDB does if another member becomes primary during the commit.
    lost = {"errorCode": 251, "errorLabels": ["TransientTransactionError"]}
    with failing("commitTransaction", **lost), count_commands() as commands:
        page = save(
            browser,
            shirt,
            name="Better shirt",
            variants__0__stock_change="4",
            variants__0__stock_note="delivery",
            images__0__files=[picture()],
        )

    assert commands.names.count("commitTransaction") == 2, str(commands)
    product = Product.objects.get()
    assert product.name == "Better shirt"
    assert Variant.objects.get(sku="SHIRT-S").stock == 9
    assert StockMovement.objects.filter(reason="adjustment").count() == 1
    assert sorted(StaffAction.objects.values_list("model", "action")) == [
        ("catalog.product", "change"),
        ("catalog.variant", "stock"),
    ]
    assert len(stored_files()) == len(product.pictures) == 1
    assert len(messages_of(page)) == 1


def test_a_concurrent_change_by_another_user_is_kept(
    browser: Client, shirt: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    from catalog.admin.products import ProductAdmin

    save_model, times = ProductAdmin.save_model, []

    def after_a_concurrent_change(self: Any, *args: Any) -> None:
        times.append(1)
        if len(times) == 1:
            # Not in this transaction: as another client of the database.
            connection.database["catalog_product"].update_one({"_id": shirt.pk}, {"$set": {"sales": 9}})
        save_model(self, *args)

    monkeypatch.setattr(ProductAdmin, "save_model", after_a_concurrent_change)
    save(browser, shirt, name="Better shirt")
    product = Product.objects.get()
    assert (product.name, product.sales) == ("Better shirt", 9)
    assert len(times) == 2


def test_changes_saved_by_others_while_the_page_was_open_are_kept(browser: Client, shirt: Product) -> None:
    url = url_of("catalog.product", "change", shirt.pk)
    opened = filled_in(browser.get(url))
    save(
        browser,
        shirt,
        name="Better shirt",
        attributes="colour: red",
        is_active=None,
        variants__0__price="30.00",
        variants__0__options="size: XS",
        variants__1__is_active=None,
    )
    page = browser.post(url, opened | {"description": "Cool in summer.", "variants-1-price": "25.00"}, follow=True)
    assert "was changed successfully" in messages_of(page)[0]
    product = Product.objects.get()
    assert (product.name, product.description) == ("Better shirt", "Cool in summer.")
    assert (product.attributes, product.is_active) == ({"colour": "red"}, False)
    small, medium = Variant.objects.all()
    assert (small.price, small.options) == (30, {"size": "XS"})
    assert (medium.price, medium.is_active) == (25, False)


def test_an_error_in_one_variant_leaves_nothing_half_saved(browser: Client, shirt: Product) -> None:
    page = save(browser, shirt, name="Better shirt", variants__0__price="1.00", variants__1__price="")
    assert set(errors_of(page)) == {"variants-1-price"}
    assert Product.objects.get().name == "Shirt"
    assert Variant.objects.get(sku="SHIRT-S").price == 20


def test_what_a_service_refuses_in_the_middle_is_shown_with_all_that_was_typed(
    browser: Client, shirt: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    from catalog.admin import products
    from catalog.errors import OutOfStock

    def refuse(*_: Any, **__: Any) -> None:
        assert transactions.in_transaction()
        assert Product.objects.get().name == "Better shirt"
        raise OutOfStock("Somebody was faster.")

    monkeypatch.setattr(products.stock, "adjust", refuse)
    page = save(
        browser,
        shirt,
        name="Better shirt",
        variants__0__stock_change="-1",
        variants__0__stock_note="moths",
        images__0__files=[picture()],
    )

    assert page.status_code == 200
    assert errors_of(page) == {"": ["Somebody was faster."]}
    assert page.context["adminform"].form["name"].value() == "Better shirt"
    assert Product.objects.get().name == "Shirt"
    assert not ProductImage.objects.exists()
    run_jobs()
    assert stored_files() == set()


def test_a_product_of_very_many_variants_is_saved_on_its_page(
    browser: Client, make_product: Callable[..., Product]
) -> None:
    sizes = [{"sku": f"SHIRT-{size}", "options": {"size": str(size)}, "price": "20.00"} for size in range(120)]
    page = save(browser, make_product("Shirt", variants=sizes), variants__119__price="12.50")
    assert page.status_code == 200
    assert [str(row.price) for row in Variant.objects.filter(sku__in=["SHIRT-118", "SHIRT-119"])] == ["20.00", "12.50"]


def test_a_taken_sku_is_an_error_at_its_field(
    browser: Client, shirt: Product, make_product: Callable[..., Product]
) -> None:
    make_product("Hat", sku="HAT")
    assert set(errors_of(save(browser, shirt, variants__0__sku="HAT"))) == {"variants-0-sku"}


def test_a_product_keeps_at_least_one_variant(browser: Client, shirt: Product) -> None:
    page = save(browser, shirt, variants__0__DELETE="on", variants__1__DELETE="on")
    assert errors_of(page) == {"": ["A product needs at least one variant."]}
    assert Variant.objects.count() == 2


def test_a_variant_that_was_sold_is_deactivated_instead_of_deleted(
    browser: Client, customer: User, shirt: Product, shipping: ShippingMethod
) -> None:
    ordered(customer, shirt)
    page = save(browser, shirt, variants__0__DELETE="on", variants__1__DELETE=None)
    assert any("SHIRT-S has been sold" in message for message in messages_of(page))
    assert not Variant.objects.get(sku="SHIRT-S").is_active


def test_a_variant_that_was_never_sold_is_deleted(browser: Client, shirt: Product) -> None:
    save(browser, shirt, variants__0__DELETE="on")
    assert list(Variant.objects.values_list("sku", flat=True)) == ["SHIRT-M"]


def test_attributes_that_are_no_pairs_are_refused(browser: Client, shirt: Product) -> None:
    assert set(errors_of(save(browser, shirt, attributes="just words"))) == {"attributes"}
    assert set(errors_of(save(browser, shirt, attributes="Not A Name: x"))) == {"attributes"}


def test_a_product_that_was_never_sold_is_deleted_with_its_pictures(browser: Client, shirt: Product) -> None:
    save(browser, shirt, images__0__files=[picture()])
    page = browser.post(url_of("catalog.product", "delete", shirt.pk), {"post": "yes"}, follow=True)
    assert "was deleted successfully" in messages_of(page)[0]
    assert not Product.objects.exists()
    run_jobs()
    assert stored_files() == set()


def test_a_sold_product_is_unpublished_and_staff_are_notified(
    browser: Client, customer: User, shirt: Product, shipping: ShippingMethod
) -> None:
    ordered(customer, shirt)
    page = browser.post(url_of("catalog.product", "delete", shirt.pk), {"post": "yes"}, follow=True)
    assert messages_of(page) == ["Shirt has been sold, so it was unpublished instead of deleted."]
    assert not Product.objects.get().is_active


@pytest.mark.parametrize("text", ["shirt", "SHIRT-M", "shirt-m", "SHIRT-"])
def test_products_are_found_by_words_and_by_the_beginning_of_a_sku(
    browser: Client, shirt: Product, make_product: Callable[..., Product], text: str
) -> None:
    make_product("Hat", sku="HAT")
    assert list(browser.get(url_of("catalog.product"), {"q": text}).context["cl"].result_list) == [shirt]


def test_a_category_filter_includes_subcategories(
    browser: Client, make_category: Callable[..., Category], make_product: Callable[..., Product]
) -> None:
    clothing = make_category("Clothing")
    product = make_product(category=make_category("Shirts", parent=clothing))
    make_product()
    page = browser.get(url_of("catalog.product"), {"category__id__exact": str(clothing.pk)})
    assert list(page.context["cl"].result_list) == [product]


def test_the_product_list_asks_as_often_for_five_products_as_for_fifteen(
    browser: Client, make_product: Callable[..., Product]
) -> None:
    for _ in range(5):
        make_product()
    browser.get(url_of("catalog.product"))
    with count_commands() as for_five:
        browser.get(url_of("catalog.product"))
    for _ in range(10):
        make_product()
    with count_commands() as for_fifteen:
        page = browser.get(url_of("catalog.product"))
    assert len(page.context["cl"].result_list) == 15
    assert for_fifteen.names == for_five.names
    # The session, the person, the categories to filter by, the number of products, the products, their variants.
    assert len(for_fifteen) <= 7, str(for_fifteen)
    assert not any("$lookup" in repr(command) for command in for_fifteen)


def test_staff_without_the_right_to_change_variants_see_them_only(
    make_user: Callable[..., User], shirt: Product
) -> None:
    browser = browser_of(allow(make_user(), "catalog.change_product", "catalog.view_variant"))
    save(browser, shirt, name="Better shirt", variants__0__price="1.00")
    assert Product.objects.get().name == "Better shirt"
    assert Variant.objects.get(sku="SHIRT-S").price == 20


def test_staff_without_the_right_to_add_variants_add_no_product_without_one(customer: User) -> None:
    rights = ["catalog.view_product", "catalog.add_product"]
    add = url_of("catalog.product", "add")
    for more in ([], ["catalog.view_variant"]):
        browser = browser_of(allow(customer, *rights, *more))
        assert add not in browser.get(url_of("catalog.product")).content.decode()
        assert browser.get(add).status_code == browser.post(add, {"name": "Nothing"}).status_code == 403
    assert not Product.objects.exists()
    assert browser_of(allow(customer, "catalog.add_variant")).get(add).status_code == 200
