"""Imports beside sales, beside other people and beside each other; killed halfway and finished."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError
from django.test import Client
from django.utils import timezone

from accounts.models import User
from catalog import services, stock
from catalog.importing import runs, writing
from catalog.importing.models import ImportRun, ImportStep
from catalog.models import Category, Product, StockMovement, Variant
from catalog.tests.files import csv_of, export_products, import_products, press, rows_of, upload
from orders.models import ShippingMethod
from shop import audit, jobs
from shop.jobs import Job
from shop.testing.admin import browser_of, ordered, url_of
from shop.testing.failures import failing
from shop.testing.server import database_uri
from shop.testing.steps import at_the_same_moment, everything
from shop.transactions import TransactionContention

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


@pytest.fixture
def mug(make_product: Callable[..., Product]) -> Product:
    return make_product("Mug", sku="MUG", price="10.00", stock=5)


@pytest.fixture
def hat(make_product: Callable[..., Product]) -> Product:
    return make_product("Hat", sku="HAT", price="10.00", stock=5)


@pytest.fixture
def buy(customer: User, shipping: ShippingMethod) -> Callable[[Product, int], None]:
    def buy(product: Product, quantity: int) -> None:
        ordered(customer, product, quantity=quantity)

    return buy


def previewed(browser: Client, *rows: dict[str, str]) -> ImportRun:
    upload(browser, rows)
    run = ImportRun.objects.order_by("-pk").first()
    assert run.state == "ready", run.faults
    return run


def confirmed(browser: Client, run: ImportRun) -> ImportRun:
    press(browser, "confirm", run)
    run.refresh_from_db()
    assert run.state == "done"
    assert audit.complaints() == []
    return run


def conflicts(run: ImportRun) -> list[str]:
    return [step.conflict for step in ImportStep.objects.filter(plan=run.plan).exclude(conflict="").order_by("number")]


def stock_of(sku: str) -> int:
    return Variant.objects.get(sku=sku).stock


# --- Between the preview and the confirmation -------------------------------------------------------------------------


def test_what_is_sold_after_the_preview_stays_sold(browser: Client, mug: Product, buy: Callable[..., None]) -> None:
    run = previewed(browser, {"sku": "MUG", "stock": "8"})
    buy(mug, 2)
    assert confirmed(browser, run).conflicts == 0
    assert stock_of("MUG") == 6
    assert StockMovement.objects.get(reason="import").delta == 3


def test_more_than_is_left_is_not_taken_away(
    browser: Client, mug: Product, hat: Product, buy: Callable[..., None]
) -> None:
    run = previewed(browser, {"sku": "MUG", "stock": "1"}, {"sku": "HAT", "stock": "1"})
    buy(mug, 3)
    assert confirmed(browser, run).conflicts == 1
    assert conflicts(run) == ["Only 2 of MUG are left: 4 cannot be taken away."]
    assert (stock_of("MUG"), stock_of("HAT")) == (2, 1)


def test_stock_that_somebody_counted_after_the_preview_is_left_alone(browser: Client, mug: Product) -> None:
    run = previewed(browser, {"sku": "MUG", "stock": "8", "price": "11"})
    stock.adjust(Variant.objects.get(), to=6, note="counted")
    confirmed(browser, run)
    assert "The stock of MUG was counted or imported since the file was checked" in conflicts(run)[0]
    # All of the product is left alone, not a part of it.
    assert (stock_of("MUG"), Variant.objects.get().price) == (6, 10)


def test_a_product_that_somebody_changed_after_the_preview_is_left_alone_and_shown(
    browser: Client, mug: Product, hat: Product
) -> None:
    rows = {"sku": "MUG", "name": "Cup", "price": "11"}, {"sku": "HAT", "name": "Cap", "price": "12"}
    run = previewed(browser, *rows)
    services.update_product(product=mug, data={"price": "9.00"})
    confirmed(browser, run)
    assert conflicts(run) == ["price was “10.00” when the file was checked and is “9.00” now."]
    assert set(Product.objects.values_list("name", "price")) == {("Mug", 9), ("Cap", 12)}
    page = browser.get(url_of("catalog.importrun", "change", run.pk), {"conflicts": ""})
    assert [each["step"].name for each in page.context["steps"]] == ["Mug"]


def test_what_somebody_changed_elsewhere_in_the_product_is_kept(browser: Client, mug: Product) -> None:
    run = previewed(browser, {"sku": "MUG", "attr:colour": "red", "price": "11"})
    services.update_product(product=mug, data={"attributes": {"size": "big"}, "description": "Round."})
    assert confirmed(browser, run).conflicts == 0
    product = Product.objects.get()
    assert (product.attributes, product.description, product.price) == ({"size": "big", "colour": "red"}, "Round.", 11)


def test_what_somebody_else_has_written_already_is_no_conflict(browser: Client, mug: Product) -> None:
    run = previewed(browser, {"sku": "MUG", "price": "11", "stock": "8"})
    services.update_product(product=mug, data={"price": "11.00", "stock": 8})
    assert confirmed(browser, run).conflicts == 0
    assert stock_of("MUG") == 8


@pytest.mark.parametrize(
    ("rows", "meanwhile", "told"),
    [
        ({"sku": "MUG", "price": "11"}, lambda: Product.objects.all().delete(), "The product is gone."),
        (
            {"sku": "MUG", "price": "11"},
            lambda: services.update_product(
                product=Product.objects.get(), data={"variants": [{"sku": "CUP", "price": "1.00"}]}
            ),
            "The variant MUG is gone.",
        ),
        (
            {"sku": "NEW", "name": "New", "price": "1"},
            lambda: services.create_product(data={"name": "Other", "sku": "NEW", "price": "2.00"}),
            "There is a variant NEW by now.",
        ),
        (
            {"sku": "NEW", "name": "New", "price": "1"},
            lambda: services.create_product(data={"name": "New", "price": "2.00"}),
            "Another product has the slug new by now.",
        ),
        (
            {"sku": "MUG", "category": "cups"},
            lambda: services.delete_category(category=Category.objects.get()),
            "category: There is no category “cups”: give the slug of one, or its path.",
        ),
        (
            {"sku": "RED", "slug": "mug", "price": "1", "option:colour": "red"},
            lambda: services.update_product(product=Product.objects.get(), data={"options": {"colour": "red"}}),
            "Two variants have the same options, so shoppers could not tell them apart.",
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
    names = ("catalog_product", "catalog_variant", "catalog_stockmovement")
    before = {name: everything()[name] for name in names}
    confirmed(browser, run)
    assert conflicts(run) == [told]
    assert {name: everything()[name] for name in names} == before


def test_a_refusal_in_the_last_moment_leaves_only_that_product_alone(
    browser: Client, mug: Product, hat: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where two imports bring the same new SKU and neither could see the other's."""
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
    assert conflicts(run) == ["Somebody has just changed it."]
    assert Variant.objects.get(sku="NEW").price == 2
    assert (Variant.objects.get(sku="MUG").price, Variant.objects.get(sku="HAT").price) == (11, 12)


# --- Between an export and its import ---------------------------------------------------------------------------------


def exported(folder: Path, **changes: str) -> list[dict[str, str]]:
    """An export in which somebody has changed these cells of the first row."""
    first, *others = rows_of(export_products(folder))
    return [{**first, **changes}, *others]


def test_a_stock_that_nobody_touched_in_the_file_is_left_as_the_sales_made_it(
    tmp_path: Path, mug: Product, buy: Callable[..., None]
) -> None:
    rows = exported(tmp_path, price="11")
    buy(mug, 2)
    import_products(tmp_path, rows)
    assert (stock_of("MUG"), Variant.objects.get().price) == (3, 11)
    assert audit.complaints() == []


def test_a_stock_that_was_changed_in_the_file_changes_by_the_difference(
    tmp_path: Path, mug: Product, buy: Callable[..., None]
) -> None:
    rows = exported(tmp_path, stock="15")
    buy(mug, 2)
    assert "stock: 3 → 13" in import_products(tmp_path, rows, "--dry-run")
    import_products(tmp_path, rows)
    assert stock_of("MUG") == 13
    assert audit.complaints() == []


def test_a_difference_is_not_imported_twice(tmp_path: Path, mug: Product, buy: Callable[..., None]) -> None:
    rows = exported(tmp_path, stock="15")
    import_products(tmp_path, rows)
    assert "0 changed, 1 unchanged" in import_products(tmp_path, rows)
    buy(mug, 2)
    with pytest.raises(CommandError, match="1 error"):
        import_products(tmp_path, rows)
    assert stock_of("MUG") == 13


def test_without_the_note_of_the_export_a_stock_is_what_the_file_says(
    tmp_path: Path, mug: Product, buy: Callable[..., None]
) -> None:
    rows = exported(tmp_path, stock="15", stock_base="")
    buy(mug, 2)
    import_products(tmp_path, rows)
    assert stock_of("MUG") == 15
    with pytest.raises(CommandError, match="1 error"):
        import_products(tmp_path, [{**rows[0], "stock": "16", "stock_base": "about 5"}])


def test_more_than_is_left_since_the_export_is_an_error(tmp_path: Path, mug: Product, buy: Callable[..., None]) -> None:
    rows = exported(tmp_path, stock="1")
    buy(mug, 3)
    with pytest.raises(CommandError, match="1 error"):
        import_products(tmp_path, rows)
    assert stock_of("MUG") == 2


# --- At once ----------------------------------------------------------------------------------------------------------


def test_one_import_applied_by_several_processes_is_applied_once(
    browser: Client, mug: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "STEPS_AT_ONCE", 0)
    rows = [{"sku": f"N-{n}", "name": f"N {n}", "price": "1", "stock": "3"} for n in range(12)]
    run = previewed(browser, *rows, {"sku": "MUG", "name": "", "price": "", "stock": "8"})
    press(browser, "confirm", run)
    monkeypatch.setattr(runs, "STEPS_AT_ONCE", 2)
    assert at_the_same_moment(*[lambda: runs.apply(run_id=run.pk)] * 4) == [True] * 4
    run.refresh_from_db()
    assert (run.state, run.applied, run.conflicts) == ("done", 13, 0)
    assert Product.objects.count() == 13
    assert stock_of("MUG") == 8
    assert StockMovement.objects.filter(reason="import").count() == 13
    assert not Job.objects.exists()
    assert audit.complaints() == []


def test_two_imports_of_one_file_at_once_do_not_add_up(browser: Client, mug: Product, hat: Product) -> None:
    rows = {"sku": "MUG", "price": "11", "stock": "8"}, {"sku": "HAT", "price": "12", "stock": "1"}
    first, second = previewed(browser, *rows), previewed(browser, *rows)
    at_the_same_moment(*[lambda run=run: runs.confirm(run=run, actor="") for run in (first, second)])
    assert (stock_of("MUG"), stock_of("HAT")) == (8, 1)
    assert StockMovement.objects.filter(reason="import").count() == 2
    assert [*conflicts(first), *conflicts(second)] == []
    assert audit.complaints() == []


def test_two_imports_at_once_that_contradict_each_other_leave_one_of_them(browser: Client, mug: Product) -> None:
    first = previewed(browser, {"sku": "MUG", "price": "11", "stock": "8"})
    second = previewed(browser, {"sku": "MUG", "price": "12", "stock": "1"})
    at_the_same_moment(*[lambda run=run: runs.confirm(run=run, actor="") for run in (first, second)])
    variant = Variant.objects.get()
    assert (variant.price, variant.stock) in [(11, 8), (12, 1)]
    assert len([*conflicts(first), *conflicts(second)]) == 1
    assert audit.complaints() == []


def test_two_imports_at_once_of_different_columns_both_happen(browser: Client, mug: Product) -> None:
    first = previewed(browser, {"sku": "MUG", "price": "11"})
    second = previewed(browser, {"sku": "MUG", "stock": "8"})
    at_the_same_moment(*[lambda run=run: runs.confirm(run=run, actor="") for run in (first, second)])
    variant = Variant.objects.get()
    assert (variant.price, variant.stock) == (11, 8)
    assert [*conflicts(first), *conflicts(second)] == []


def test_buyers_and_an_import_at_once_lose_nothing(
    browser: Client, mug: Product, make_user: Any, shipping: Any
) -> None:
    run = previewed(browser, {"sku": "MUG", "price": "11", "stock": "9"})
    people = [make_user() for _ in range(4)]
    at_the_same_moment(
        lambda: runs.confirm(run=run, actor=""), *[lambda person=person: ordered(person, mug) for person in people]
    )
    run.refresh_from_db()
    assert (run.state, run.conflicts) == ("done", 0)
    assert stock_of("MUG") == 5
    assert audit.complaints() == []


def test_where_a_batch_meets_too_much_contention_smaller_ones_are_tried(
    browser: Client, mug: Product, hat: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = previewed(browser, {"sku": "MUG", "price": "11"}, {"sku": "HAT", "price": "12"})
    write, sizes = writing.write, []

    def contended(steps: list[ImportStep], **kwargs: Any) -> Any:
        sizes.append(len(steps))
        if len(steps) > 1:
            raise TransactionContention
        return write(steps, **kwargs)

    monkeypatch.setattr(writing, "write", contended)
    monkeypatch.setattr(runs, "STEPS_AT_ONCE", 5)
    confirmed(browser, run)
    assert sizes == [2, 1, 1]
    assert set(Variant.objects.values_list("price", flat=True)) == {11, 12}


@pytest.mark.parametrize(
    "fault",
    [
        {"errorCode": 112, "errorLabels": ["TransientTransactionError"]},
        {"closeConnection": True},
        {"writeConcernError": {"code": 91, "errmsg": "shutting down", "errorLabels": ["RetryableWriteError"]}},
    ],
    ids=["conflict", "connection lost", "answer lost"],
)
def test_a_commit_that_fails_or_whose_answer_is_lost_happens_once(
    browser: Client, mug: Product, fault: dict[str, Any]
) -> None:
    run = previewed(browser, {"sku": "MUG", "stock": "8"}, {"sku": "NEW", "name": "New", "price": "1", "stock": "1"})
    with failing("commitTransaction", **fault):
        runs.confirm(run=run, actor="")
    run.refresh_from_db()
    assert (run.state, run.applied) == ("done", 2)
    assert (stock_of("MUG"), stock_of("NEW")) == (8, 1)
    assert audit.complaints() == []


# --- Killed -----------------------------------------------------------------------------------------------------------

PRODUCTS = 110


def many() -> list[dict[str, str]]:
    """Enough products for two batches."""
    rows = [
        {"sku": f"N-{n:03}", "slug": f"n-{n:03}", "name": f"N {n}", "price": "1.50", "stock": "3"}
        for n in range(PRODUCTS)
    ]
    return [{"sku": "MUG", "slug": "", "name": "", "price": "", "stock": "8"}, *rows]


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "manage.py", *arguments]
    variables = {**os.environ, "MONGO_URI": database_uri(), **environment}
    return subprocess.run(command, cwd=settings.BASE_DIR, env=variables, capture_output=True, text=True, timeout=120)


def assert_complete(*, mugs: int) -> None:
    run = ImportRun.objects.get()
    assert (run.state, run.applied, run.conflicts) == ("done", PRODUCTS + 1, 0)
    assert Product.objects.filter(slug__startswith="n-").count() == PRODUCTS
    assert StockMovement.objects.filter(reason="import").count() == PRODUCTS + 1
    assert stock_of("MUG") == mugs
    assert audit.complaints() == []


@pytest.mark.parametrize("moment", ["before_commit@2", "after_commit@1"])
def test_an_import_that_is_killed_halfway_is_finished_by_the_same_command(
    tmp_path: Path, mug: Product, buy: Callable[..., None], moment: str
) -> None:
    path = tmp_path / "products.csv"
    path.write_text(csv_of(many()))
    killed = manage("import_products", str(path), CRASH_AT=f"catalog.import_batch:{moment}")
    assert killed.returncode == -signal.SIGKILL
    run = ImportRun.objects.get()
    assert run.state == "applying"
    assert 0 < run.applied < PRODUCTS
    assert Product.objects.filter(slug__startswith="n-").count() == run.applied - 1
    assert audit.complaints() == []
    # What is sold in between stays sold, though the file says 8.
    buy(mug, 1)

    again = manage("import_products", str(path))
    assert again.returncode == 0, again.stderr
    assert "not finished yet" in again.stdout
    assert_complete(mugs=7)
    assert not Job.objects.filter(kind=runs.APPLY).exists()


def test_an_import_whose_command_and_worker_are_killed_is_finished_by_the_next_worker(
    tmp_path: Path, mug: Product
) -> None:
    path = tmp_path / "products.csv"
    path.write_text(csv_of(many()))
    killed = manage("import_products", str(path), CRASH_AT="catalog.import_batch:after_commit")
    assert killed.returncode == -signal.SIGKILL
    assert manage("worker", "--once").returncode == 0
    # It was leased to the command.
    assert ImportRun.objects.get().state == "applying"

    due_again()
    killed = manage("worker", "--once", CRASH_AT="catalog.import_batch:before_commit")
    assert killed.returncode == -signal.SIGKILL
    due_again()
    assert manage("worker", "--once").returncode == 0
    assert_complete(mugs=8)


def test_a_check_whose_worker_is_killed_is_done_by_the_next(
    browser: Client, mug: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "BYTES_AT_ONCE", 0)
    upload(browser, [{"sku": "MUG", "price": "11"}])
    # As a killed worker leaves it: claimed, and a part of a plan stored that nobody will use.
    assert Job.objects.get().claim()
    assert jobs.run_due() == 0
    due_again()
    jobs.run_due()
    run = ImportRun.objects.get()
    assert (run.state, run.steps) == ("ready", 1)


def test_of_two_workers_that_check_one_file_only_one_is_heard(browser: Client, mug: Product, monkeypatch: Any) -> None:
    monkeypatch.setattr(runs, "BYTES_AT_ONCE", 0)
    upload(browser, [{"sku": "MUG", "price": "11"}])
    run = str(ImportRun.objects.get().pk)
    at_the_same_moment(*[lambda: runs.check(run=run)] * 2)
    assert ImportRun.objects.get().state == "ready"
    assert list(ImportStep.objects.values_list("plan", flat=True)) == [ImportRun.objects.get().plan]


def due_again() -> None:
    Job.objects.update(run_at=timezone.now() - timedelta(milliseconds=1))
