"""Staff generate variants for all combinations of options, and duplicate products."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from catalog import duplicates, images, services
from catalog.models import Product, ProductImage, Variant
from catalog.tests.conftest import LIST
from catalog.tests.product_page import run_jobs, save, stored_files
from shop.audit import violations
from shop.dev.testing.admin import allow, browser_of, picture
from shop.dev.testing.steps import dump_database, run_concurrently

pytestmark = pytest.mark.django_db

OPTIONS = "size: S | M | L | XL\ncolour: Red | Blue | Green | Black\nfit: Slim | Regular | Loose | Tall"


@pytest.fixture(autouse=True)
def media_root(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


def matrix(browser: Client, product: Product, **fields: Any) -> Any:
    """Ask for a preview, then save it with ``fields`` if there are rows: ``row1-price`` is that of the second one."""
    url = f"/admin/catalog/product/{product.pk}/variants/"
    data = {"options": OPTIONS, "pattern": "TEE-{colour}-{size}-{fit}", "price": "20.00", "stock": "3", **fields}
    page = browser.post(url, data)
    rows = page.context_data.get("rows")
    if not rows:
        return page
    for row in rows:
        shown = {name: row[name].value() for name in row.fields}
        data |= {f"{row.prefix}-{name}": "on" if value is True else value for name, value in shown.items()}
    for number, row in enumerate(rows[:3]):
        fields = {name.replace(f"row{number}-", f"{row.prefix}-"): value for name, value in fields.items()}
    return browser.post(url, {**data, "save": "1", **fields}, follow=True)


def test_rows_stay_with_their_combination_while_others_add_variants(
    browser: Client, make_product: Callable[..., Product]
) -> None:
    sizes = [{"sku": f"TEE-{size}", "options": {"size": size}, "price": "20"} for size in ("XS", "S", "M")]
    tee = make_product("Tee", variants=sizes[:1])
    url = f"/admin/catalog/product/{tee.pk}/variants/"
    data = {"options": "size: XS | S | M | L", "pattern": "TEE-{size}", "price": "20.00", "stock": "3"}
    for row in browser.post(url, data).context_data["rows"]:
        size = row.combination["size"]
        shown = {"chosen": "on", "sku": f"SKU-{size}", "price": "25", "stock": str(len(size) + ord(size))}
        data |= {f"{row.prefix}-{name}": value for name, value in shown.items()}
    services.update_product(product=tee, data={"variants": sizes[:2]})
    assert browser.post(url, {**data, "save": "1"}).status_code == 302
    found = {row.options["size"]: (row.sku, row.stock) for row in Variant.objects.all()}
    assert found == {"XS": ("TEE-XS", 0), "S": ("TEE-S", 0), "M": ("SKU-M", 78), "L": ("SKU-L", 77)}
    # A combination that was not shown is shown before it is added.
    before = dump_database()
    assert browser.post(url, {**data, "options": "size: XL", "save": "1"}).status_code == 200
    assert dump_database() == before


def test_variants_of_all_combinations_are_made_from_two_forms(
    browser: Client, anonymous: APIClient, make_product: Callable[..., Product]
) -> None:
    tee = make_product("Tee", sku="FIRST", stock=7)
    matrix(browser, tee, **{"row1-price": "25.00", "row1-stock": "0", "row2-chosen": ""})
    variants = list(Variant.objects.order_by("position", "id"))
    assert len(variants) == 63
    first, second = variants[:2]
    # The variant without options is the first combination.
    assert (first.sku, first.stock, first.options) == ("FIRST", 7, {"size": "S", "colour": "Red", "fit": "Slim"})
    assert (second.sku, second.stock, f"{second.price:.2f}") == ("TEE-RED-S-REGULAR", 0, "25.00")
    assert {(variant.stock, f"{variant.price:.2f}") for variant in variants[2:]} == {(3, "20.00")}
    found = anonymous.get(f"{LIST}tee/").json()
    assert [each["name"] for each in found["options"]] == ["size", "colour", "fit"]
    assert found["options"][0]["values"] == ["S", "M", "L", "XL"]
    assert anonymous.get(LIST, {"opt_size": "M", "opt_fit": "Tall"}).json()["count"] == 1

    # Only the missing one is left.
    matrix(browser, tee)
    assert Variant.objects.count() == 64
    before = dump_database()
    assert "Nothing to add" in matrix(browser, tee).content.decode()
    assert dump_database() == before
    assert violations() == []


def test_what_cannot_be_generated_is_an_error_and_changes_nothing(
    browser: Client, staff: User, make_product: Callable[..., Product]
) -> None:
    make_product("Other", sku="TAKEN")
    tee = make_product("Tee", sku="FIRST")
    before = dump_database()
    many = "\n".join(f"{name}: " + " | ".join("abcde") for name in ("one", "two", "three"))
    for fields, text in (
        ({"options": many}, "at most 100 variants"),
        ({"options": ""}, "at least one option"),
        ({"options": "size"}, "one option per line"),
        ({"options": "size: S | s"}, "occurs twice"),
        ({"row1-sku": "taken"}, "Another variant has this SKU."),
        ({"row1-sku": "SAME", "row2-sku": "same"}, "Another variant has this SKU."),
        ({"row1-price": "-1"}, "greater than or equal to 0"),
        ({"row1-sku": ""}, "This field is required."),
    ):
        assert text in matrix(browser, tee, **fields).content.decode(), fields
    assert dump_database() == before
    allow(staff, "catalog.view_product", "catalog.change_product")
    staff.is_superuser = False
    staff.save()
    assert browser_of(staff).get(f"/admin/catalog/product/{tee.pk}/variants/").status_code == 403


def test_a_copy_is_a_draft_whose_files_live_as_long_as_one_of_both(
    browser: Client, anonymous: APIClient, shirt: Product
) -> None:
    blue = [str(Variant.objects.get(sku="SHIRT-S").pk)]
    save(browser, shirt, images__0__files=[picture(), picture(colour="red")], images__0__variants=blue)
    reply = browser.post(f"/admin/catalog/product/{shirt.pk}/duplicate/")
    copy = Product.objects.exclude(pk=shirt.pk).get()
    assert reply.url.endswith(f"/{copy.pk}/change/")
    assert (copy.name, copy.slug, copy.is_active) == ("Shirt (copy)", "shirt-copy", False)
    assert anonymous.get(LIST).json()["count"] == 1
    small, medium = Variant.objects.filter(product=copy)
    assert (small.options, small.stock, small.price) == ({"size": "S"}, 0, 20)
    assert small.sku.startswith("SHIRT-S-")
    assert set(small.images) == set(ProductImage.objects.filter(product=copy).values_list("pk", flat=True))
    assert medium.images == []
    assert violations() == []

    files = stored_files()
    assert len(files) == 2
    for image in ProductImage.objects.filter(product=shirt):
        images.delete_image(image=image)
    run_jobs()
    assert stored_files() == files
    browser.post(f"/admin/catalog/product/{copy.pk}/delete/", {"post": "yes"})
    run_jobs()
    assert (Product.objects.count(), stored_files()) == (1, set())


@pytest.mark.django_db(transaction=True)
def test_a_copy_made_while_its_image_is_deleted_has_no_image_without_a_file(browser: Client, shirt: Product) -> None:
    save(browser, shirt, images__0__files=[picture()])
    image = ProductImage.objects.get()
    run_concurrently(
        lambda: images.delete_image(image=image), lambda: duplicates.duplicate_product(product=shirt), run_jobs
    )
    run_jobs()
    assert set(ProductImage.objects.values_list("name", flat=True)) == stored_files()
    assert violations() == []
