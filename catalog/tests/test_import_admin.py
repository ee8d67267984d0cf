"""Staff upload a file, review its changes and apply them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from accounts.models import User
from catalog.importing import formats, runs
from catalog.importing.errors import NotConfirmable
from catalog.importing.models import ImportPart, ImportRun, ImportStep
from catalog.models import Product, StockMovement, Variant
from catalog.tests.files import press, upload
from shop import jobs
from shop.audit.staff_log import StaffAction
from shop.dev.testing.admin import allow, browser_of, errors_of, in_dialog, messages_of, url_of
from shop.dev.testing.steps import dump_database
from shop.jobs import Job

IMPORT = ("add_product", "change_product", "add_variant", "change_variant")


@pytest.fixture
def shirt(make_product: Callable[..., Product]) -> Product:
    sizes = [{"sku": f"SHIRT-{size}", "options": {"size": size}, "price": "20.00", "stock": 5} for size in "SM"]
    return make_product("Shirt", variants=sizes)


def latest() -> ImportRun:
    return ImportRun.objects.order_by("-pk").first()


def catalog() -> dict[str, list[Any]]:
    """Everything in the database that an import may change."""
    return {
        name: rows for name, rows in dump_database().items() if name.startswith("catalog_") and "import" not in name
    }


def text_of(page: HttpResponse) -> str:
    return " ".join(page.content.decode().split())


def test_a_file_is_checked_looked_at_and_written(browser: Client, staff: User, shirt: Product) -> None:
    before = catalog()
    page = upload(
        browser,
        [
            {"sku": "SHIRT-S", "name": "", "price": "22", "stock": "3"},
            {"sku": "SHIRT-M", "name": "", "price": "20", "stock": "5"},
            {"sku": "HAT", "name": "Hat", "price": "9.50", "stock": "2"},
        ],
    )

    run = latest()
    assert (run.state, run.new_rows, run.changed_rows, run.unchanged_rows) == ("ready", 1, 1, 1)
    assert (run.filename, run.uploaded_by) == ("products.csv", str(staff.pk))
    assert "<b>price</b> <del>20.00</del> → <ins>22.00</ins>" in text_of(page)
    assert "<b>stock</b> <del>5</del> → <ins>3</ins>" in text_of(page)
    assert "<b>name</b> <ins>Hat</ins>" in text_of(page)
    assert catalog() == before

    press(browser, "confirm", run)

    run.refresh_from_db()
    assert (run.state, run.applied, run.steps, run.conflicts) == ("done", 2, 2, 0)
    assert (run.confirmed_by, run.finished_at is None) == (str(staff.pk), False)
    small, hat = Variant.objects.get(sku="SHIRT-S"), Variant.objects.get(sku="HAT")
    assert (small.price, small.stock, hat.price, hat.stock) == (22, 3, 9.5, 2)
    movements = StockMovement.objects.filter(reason="import").order_by("delta")
    assert list(movements.values_list("delta", "reference", "note")) == [
        (-2, str(staff.pk), "products.csv, row 2"),
        (2, str(staff.pk), "products.csv, row 4"),
    ]
    # The read model was written with it.
    product = Product.objects.get(slug="hat")
    assert (product.price, product.in_stock) == (9.5, True)
    assert Product.objects.get(pk=shirt.pk).price == 20
    assert not Job.objects.exists()
    assert not ImportPart.objects.exists()


def test_errors_are_shown_by_row_and_column_and_nothing_can_be_written(browser: Client, shirt: Product) -> None:
    page = upload(
        browser,
        [
            {"sku": "SHIRT-S", "price": "22", "stock": "-1"},
            {"sku": "SHIRT-M", "price": "dear", "stock": "1"},
        ],
    )
    run = latest()
    assert (run.state, run.fault_count) == ("refused", 2)
    assert not ImportStep.objects.exists()
    assert "<td>2</td><td>stock</td><td>Enter a whole number from 0 to 1,000,000.</td>" in text_of(page)
    assert "<td>3</td><td>price</td>" in text_of(page)
    before = catalog()
    press(browser, "confirm", run)
    with pytest.raises(NotConfirmable):
        runs.confirm(run=run, actor="")
    assert catalog() == before
    press(browser, "discard", run)
    with pytest.raises(NotConfirmable):
        runs.discard(run=run)
    assert latest().state == "refused"


def test_a_file_that_cannot_be_read_says_why(browser: Client, shirt: Product) -> None:
    page = upload(browser, "sku,colour,shape\nSHIRT-S,red,round\n")
    assert (latest().state, latest().fault_count) == ("refused", 0)
    assert "Unknown columns: colour, shape." in text_of(page)
    assert not ImportPart.objects.exists()


def test_a_file_that_changes_nothing_is_done_at_once(browser: Client, shirt: Product) -> None:
    upload(browser, [{"sku": "SHIRT-S", "price": "20.00"}])
    assert (latest().state, latest().rows, latest().unchanged_rows) == ("done", 1, 1)
    page = browser.get(url_of("catalog.importrun", "change", latest().pk))
    assert page.context["actions_detail"] == []


def test_a_discarded_import_leaves_nothing_and_cannot_be_written(browser: Client, shirt: Product) -> None:
    upload(browser, [{"sku": "SHIRT-S", "price": "22"}])
    press(browser, "discard", latest())
    assert latest().state == "discarded"
    assert not ImportStep.objects.exists()
    press(browser, "confirm", latest())
    assert latest().state == "discarded"
    assert Variant.objects.get(sku="SHIRT-S").price == 20


def test_confirming_twice_writes_once(browser: Client, shirt: Product) -> None:
    upload(browser, [{"sku": "SHIRT-S", "stock": "9"}])
    run = latest()
    press(browser, "confirm", run)
    press(browser, "confirm", run)
    assert Variant.objects.get(sku="SHIRT-S").stock == 9
    assert StockMovement.objects.filter(reason="import").count() == 1


def test_an_old_preview_is_not_written(browser: Client, shirt: Product) -> None:
    upload(browser, [{"sku": "SHIRT-S", "price": "22"}])
    ImportRun.objects.update(checked_at=timezone.now() - timedelta(days=8))
    page = browser.get(url_of("catalog.importrun", "confirm", latest().pk), follow=True)
    assert any("Upload it again" in message for message in messages_of(page))
    assert latest().state == "ready"


def test_a_large_file_is_left_to_the_worker_and_the_page_watches_it(
    browser: Client, shirt: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "BYTES_AT_ONCE", 10)
    monkeypatch.setattr(runs, "ROWS_AT_ONCE", 0)
    page = upload(browser, [{"sku": "SHIRT-S", "price": "22"}])
    assert latest().state == "checking"
    assert 'hx-trigger="every 2s"' in text_of(page)
    jobs.run_due()
    url = url_of("catalog.importrun", "change", latest().pk)
    assert browser.get(url, headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"
    assert 'hx-trigger="every 2s"' not in text_of(browser.get(url))
    assert latest().state == "ready"

    press(browser, "confirm", latest())
    assert latest().state == "applying"
    page = browser.get(url)
    assert "0 of 1 products" in text_of(page)
    assert 'hx-trigger="every 2s"' in text_of(page)
    jobs.run_due()
    assert latest().state == "done"
    assert Variant.objects.get(sku="SHIRT-S").price == 22


def test_a_file_over_the_limit_is_an_error_of_the_form(
    browser: Client, shirt: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "MAX_BYTES", 10)
    page = upload(browser, [{"sku": "SHIRT-S", "price": "22"}])
    assert "larger than 0 MB. Import it in several parts, or with manage.py import_products" in str(errors_of(page)[""])
    assert not ImportRun.objects.exists()
    assert not StaffAction.objects.exists()


def test_an_import_without_a_file_is_an_error_at_its_field(browser: Client) -> None:
    page = browser.post(url_of("catalog.importrun", "add"), {"encoding": "utf-8"})
    assert set(errors_of(page)) == {"file"}


def test_the_list_shows_who_imported_what(browser: Client, staff: User, shirt: Product) -> None:
    upload(browser, [{"sku": "SHIRT-S", "price": "22"}])
    press(browser, "confirm", latest())
    page = browser.get(url_of("catalog.importrun"))
    assert staff.email in text_of(page)
    assert "1 of 1" in text_of(page)


def test_the_list_of_products_leads_to_an_import(browser: Client, shirt: Product) -> None:
    page = browser.get(url_of("catalog.product"))
    paths = [entry.get("path") for entry in page.context["actions_list"]]
    page = browser.get(paths[0], follow=True)
    assert page.status_code == 200
    assert page.request["PATH_INFO"] == url_of("catalog.importrun", "add")


# --- Who may ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", IMPORT)
def test_an_import_needs_the_right_to_add_and_to_change_products_and_variants(
    make_user: Callable[..., User], browser: Client, shirt: Product, missing: str
) -> None:
    upload(browser, [{"sku": "SHIRT-S", "price": "22"}])
    rights = [f"catalog.{name}" for name in IMPORT if name != missing]
    other = browser_of(allow(make_user(), *rights, "catalog.view_product"))
    run = latest()
    for page in ("add", "changelist"):
        assert other.get(url_of("catalog.importrun", page)).status_code == 403
    assert other.get(url_of("catalog.importrun", "change", run.pk)).status_code == 403
    for button in ("confirm", "discard"):
        assert in_dialog(other, url_of("catalog.importrun", button, run.pk), {}).status_code == 403
    assert upload(other, [{"sku": "SHIRT-S", "price": "23"}]).status_code == 403
    assert ImportRun.objects.get().state == "ready"
    assert "/import" not in str(other.get(url_of("catalog.product")).context["actions_list"])


def test_those_four_rights_are_enough(make_user: Callable[..., User], shirt: Product) -> None:
    other = browser_of(allow(make_user(), *(f"catalog.{name}" for name in IMPORT)))
    upload(other, [{"sku": "SHIRT-S", "price": "22"}])
    press(other, "confirm", latest())
    assert Variant.objects.get(sku="SHIRT-S").price == 22


def test_staff_may_have_view_permission_for_imports_only(
    make_user: Callable[..., User], browser: Client, shirt: Product
) -> None:
    upload(browser, [{"sku": "SHIRT-S", "price": "22"}])
    reader = browser_of(allow(make_user(), "catalog.view_importrun"))
    page = reader.get(url_of("catalog.importrun", "change", latest().pk))
    assert "<ins>22.00</ins>" in text_of(page)
    assert page.context["actions_detail"] == []
    assert reader.get(url_of("catalog.importrun", "add")).status_code == 403
    for button in ("confirm", "discard"):
        assert in_dialog(reader, url_of("catalog.importrun", button, latest().pk), {}).status_code == 403


def test_what_staff_do_with_an_import_is_noted(browser: Client, staff: User, shirt: Product) -> None:
    upload(browser, [{"sku": "SHIRT-S", "price": "22"}], name="a.csv")
    press(browser, "confirm", latest())
    upload(browser, [{"sku": "SHIRT-S", "price": "23"}], name="b.csv")
    press(browser, "discard", latest())
    rows = StaffAction.objects.order_by("pk").values_list("action", "model", "label")
    assert list(rows) == [
        ("add", "catalog.importrun", "a.csv"),
        ("run", "catalog.importrun", "a.csv"),
        ("add", "catalog.importrun", "b.csv"),
        ("change", "catalog.importrun", "b.csv"),
    ]
    assert set(StaffAction.objects.values_list("staff", "via")) == {(str(staff.pk), "admin")}


def test_strangers_reach_nothing_of_it(make_user: Callable[..., User], shirt: Product) -> None:
    customer = browser_of(make_user())
    for name in ("add", "changelist"):
        assert customer.get(url_of("catalog.importrun", name)).status_code == 302
