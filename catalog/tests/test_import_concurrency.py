"""Imports that run concurrently, with sales or through failures; killed and continued."""

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
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone
from pymongo.errors import OperationFailure

from catalog.importing import runs, writing
from catalog.importing.models import ImportRun, ImportStep
from catalog.models import Product, StockMovement, Variant
from catalog.tests.files import (
    confirmed,
    conflicts,
    csv_of,
    import_products,
    pieces,
    press,
    previewed,
    upload,
)
from shop import audit, jobs
from shop.db.transactions import TransactionContention
from shop.dev.testing.admin import ordered
from shop.dev.testing.failures import failing
from shop.dev.testing.server import database_uri
from shop.dev.testing.steps import run_concurrently
from shop.jobs import Job

pytestmark = pytest.mark.django_db


# --- At once ----------------------------------------------------------------------------------------------------------


def test_one_import_applied_by_several_processes_is_applied_once(
    browser: Client, mug: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "ROWS_AT_ONCE", 0)
    rows = [{"sku": f"N-{n}", "name": f"N {n}", "price": "1", "stock": "3"} for n in range(12)]
    run = previewed(browser, *rows, {"sku": "MUG", "name": "", "price": "", "stock": "8"})
    press(browser, "confirm", run)
    assert run_concurrently(*[lambda: runs.apply(run_id=run.pk)] * 4) == [True] * 4
    run.refresh_from_db()
    assert (run.state, run.applied, run.conflicts) == ("done", 13, 0)
    assert Product.objects.count() == 13
    assert pieces("MUG") == 8
    assert StockMovement.objects.filter(reason="import").count() == 13
    assert not Job.objects.exists()
    assert audit.violations() == []


def test_two_imports_of_one_file_at_once_do_not_add_up(browser: Client, mug: Product, hat: Product) -> None:
    rows = {"sku": "MUG", "price": "11", "stock": "8"}, {"sku": "HAT", "price": "12", "stock": "1"}
    first, second = previewed(browser, *rows), previewed(browser, *rows)
    run_concurrently(*[lambda run=run: runs.confirm(run=run, actor="") for run in (first, second)])
    assert (pieces("MUG"), pieces("HAT")) == (8, 1)
    assert StockMovement.objects.filter(reason="import").count() == 2
    assert [*conflicts(first), *conflicts(second)] == []
    assert audit.violations() == []


def test_two_imports_at_once_that_contradict_each_other_leave_one_of_them(browser: Client, mug: Product) -> None:
    first = previewed(browser, {"sku": "MUG", "price": "11", "stock": "8"})
    second = previewed(browser, {"sku": "MUG", "price": "12", "stock": "1"})
    run_concurrently(*[lambda run=run: runs.confirm(run=run, actor="") for run in (first, second)])
    variant = Variant.objects.get()
    assert (variant.price, variant.stock) in [(11, 8), (12, 1)]
    assert len([*conflicts(first), *conflicts(second)]) == 1
    assert audit.violations() == []


def test_two_imports_at_once_of_different_columns_both_happen(browser: Client, mug: Product) -> None:
    first = previewed(browser, {"sku": "MUG", "price": "11"})
    second = previewed(browser, {"sku": "MUG", "stock": "8"})
    run_concurrently(*[lambda run=run: runs.confirm(run=run, actor="") for run in (first, second)])
    variant = Variant.objects.get()
    assert (variant.price, variant.stock) == (11, 8)
    assert [*conflicts(first), *conflicts(second)] == []


def test_buyers_and_an_import_at_once_lose_nothing(
    browser: Client, mug: Product, make_user: Any, shipping: Any
) -> None:
    run = previewed(browser, {"sku": "MUG", "price": "11", "stock": "9"})
    people = [make_user() for _ in range(4)]
    run_concurrently(
        lambda: runs.confirm(run=run, actor=""), *[lambda person=person: ordered(person, mug) for person in people]
    )
    run.refresh_from_db()
    assert (run.state, run.conflicts) == ("done", 0)
    assert pieces("MUG") == 5
    assert audit.violations() == []


def as_the_backend_raises_it(error: OperationFailure) -> DatabaseError:
    wrapped = DatabaseError(*error.args)
    wrapped.__cause__ = error
    return wrapped


TOO_LONG = OperationFailure("exceeded the configured 'transactionLifetimeLimitSeconds'", 290)


@pytest.mark.parametrize(
    "error", [TransactionContention(), as_the_backend_raises_it(TOO_LONG)], ids=["contention", "too long"]
)
def test_if_a_batch_takes_too_long_smaller_ones_are_tried(
    browser: Client, mug: Product, hat: Product, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    run = previewed(browser, {"sku": "MUG", "price": "11"}, {"sku": "HAT", "price": "12"})
    write, sizes = writing.write, []

    def contended(steps: list[ImportStep], **kwargs: Any) -> Any:
        sizes.append(len(steps))
        if len(steps) > 1:
            raise error
        return write(steps, **kwargs)

    monkeypatch.setattr(writing, "write", contended)
    monkeypatch.setattr(runs, "FIRST_STEPS", 5)
    confirmed(browser, run)
    assert sizes == [2, 1, 1]
    assert set(Variant.objects.values_list("price", flat=True)) == {11, 12}


def test_slow_batches_keep_a_number_of_products_that_is_worth_their_commands(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = previewed(browser, *({"sku": f"N-{n}", "name": f"N {n}", "price": "1"} for n in range(8)))
    write, sizes = writing.write, []

    def watched(steps: list[ImportStep], **kwargs: Any) -> Any:
        sizes.append(len(steps))
        return write(steps, **kwargs)

    monkeypatch.setattr(writing, "write", watched)
    monkeypatch.setattr(runs, "FIRST_STEPS", 2)
    monkeypatch.setattr(runs, "LEAST_STEPS", 3)
    # Every batch takes too long.
    monkeypatch.setattr(runs, "BATCH_SECONDS", 0)
    confirmed(browser, run)
    assert sizes == [2, 3, 3]


def test_a_batch_has_a_maximum_of_rows_or_one_product_of_any_size(
    browser: Client, mug: Product, hat: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = [{"sku": f"S-{n}", "name": "Shirt", "price": "1", "option:size": str(n)} for n in range(5)]
    simple = [{"sku": f"N-{n}", "name": f"N {n}", "price": "1"} for n in range(3)]
    run = previewed(browser, *simple, *sizes, {"sku": "MUG", "price": "11"})
    write, written = writing.write, []

    def watched(steps: list[ImportStep], **kwargs: Any) -> Any:
        written.append([step.name for step in steps])
        return write(steps, **kwargs)

    monkeypatch.setattr(writing, "write", watched)
    monkeypatch.setattr(runs, "ROWS_AT_ONCE", 4)
    runs.confirm(run=run, actor="")
    jobs.run_due()
    assert written == [["N 0", "N 1"], ["N 2"], ["Shirt"], ["Mug"]]


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
    assert (pieces("MUG"), pieces("NEW")) == (8, 1)
    assert audit.violations() == []


# --- Killed -----------------------------------------------------------------------------------------------------------

# More than the first batch.
PRODUCTS = runs.FIRST_STEPS + 5


def many() -> list[dict[str, str]]:
    """A file of two batches."""
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
    assert pieces("MUG") == mugs
    assert audit.violations() == []


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
    assert audit.violations() == []
    # Units sold in between stay sold, although the file says 8.
    buy(mug, 1)

    assert "unfinished import" in import_products(tmp_path, many())
    assert_complete(mugs=7)
    assert not Job.objects.filter(kind=runs.APPLY).exists()


@pytest.mark.slow
def test_an_import_whose_command_and_worker_are_killed_is_finished_by_the_next_worker(
    tmp_path: Path, mug: Product
) -> None:
    path = tmp_path / "products.csv"
    path.write_text(csv_of(many()))
    killed = manage("import_products", str(path), CRASH_AT="catalog.import_batch:after_commit")
    assert killed.returncode == -signal.SIGKILL
    jobs.run_due()
    # It was leased to the command.
    assert ImportRun.objects.get().state == "applying"

    due_again()
    killed = manage("worker", "--once", CRASH_AT="catalog.import_batch:before_commit")
    assert killed.returncode == -signal.SIGKILL
    due_again()
    jobs.run_due()
    assert_complete(mugs=8)


def test_a_check_whose_worker_is_killed_is_done_by_the_next(
    browser: Client, mug: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "BYTES_AT_ONCE", 0)
    upload(browser, [{"sku": "MUG", "price": "11"}])
    # As after a killed worker: the job is claimed, and an unused part of a plan is stored.
    assert Job.objects.get().lease()
    assert jobs.run_due() == 0
    due_again()
    jobs.run_due()
    run = ImportRun.objects.get()
    assert (run.state, run.steps) == ("ready", 1)


def test_of_two_workers_that_check_one_file_only_one_is_heard(browser: Client, mug: Product, monkeypatch: Any) -> None:
    monkeypatch.setattr(runs, "BYTES_AT_ONCE", 0)
    upload(browser, [{"sku": "MUG", "price": "11"}])
    run = str(ImportRun.objects.get().pk)
    run_concurrently(*[lambda: runs.check(run=run)] * 2)
    assert ImportRun.objects.get().state == "ready"
    assert list(ImportStep.objects.values_list("plan", flat=True)) == [ImportRun.objects.get().plan]


def due_again() -> None:
    Job.objects.update(run_at=timezone.now() - timedelta(milliseconds=1))
