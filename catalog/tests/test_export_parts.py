"""An export that an upload would refuse is a ZIP of files that it accepts."""

import io
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from catalog.importing import parts
from catalog.importing.models import ImportRun
from catalog.models import Product
from catalog.tests.files import cells_of, rows_of, upload
from shop import jobs
from shop.api.errors import DatabaseUnavailable
from shop.dev.testing.admin import url_of
from shop.dev.testing.failures import failing
from shop.dev.testing.steps import dump_database

pytestmark = pytest.mark.django_db

UNLIMITED = parts.PartLimits(rows=1000, cells=100_000, size=1_000_000)


@pytest.fixture
def shop(make_product: Callable[..., Product]) -> None:
    """Products of one, three and two variants, twice."""
    for number in range(6):
        variants = [
            {"sku": f"P{number}-{size}", "options": {"size": str(size)}, "price": "20.00", "stock": 5}
            for size in range((1, 3, 2)[number % 3])
        ]
        make_product(f"Product {number}", slug=f"product-{number}", description="d" * 100, variants=variants)


def limited(monkeypatch: pytest.MonkeyPatch, **limits: int) -> None:
    for kind in ("csv", "xlsx"):
        monkeypatch.setitem(parts.LIMITS, kind, UNLIMITED._replace(**limits))


def body_of(reply: HttpResponse) -> bytes:
    assert reply.status_code == 200
    return b"".join(reply.streaming_content)


def export_files(browser: Client, kind: str) -> dict[str, bytes]:
    reply = browser.get(url_of("catalog.product", f"export_{kind}"))
    assert reply.headers["Content-Type"] == "application/zip"
    assert reply.headers["Content-Disposition"].endswith('.zip"')
    with zipfile.ZipFile(io.BytesIO(body_of(reply))) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def skus(name: str, file: bytes) -> list[str]:
    return [row["sku"] for row in rows_of(file)] if name.endswith("csv") else [row[0] for row in cells_of(file)[1:]]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_each_part_is_accepted_and_changes_nothing(
    browser: Client, shop: None, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    limited(monkeypatch, rows=4)
    files = export_files(browser, kind)
    assert [name.rpartition("-")[2] for name in files] == [f"1.{kind}", f"2.{kind}", f"3.{kind}", f"4.{kind}"]
    assert [skus(name, file) for name, file in files.items()] == [
        ["P0-0", "P1-0", "P1-1", "P1-2"],
        # The next product does not fit.
        ["P2-0", "P2-1", "P3-0"],
        ["P4-0", "P4-1", "P4-2"],
        ["P5-0", "P5-1"],
    ]
    before = {
        name: rows for name, rows in dump_database().items() if name.startswith("catalog_") and "import" not in name
    }
    for name, file in files.items():
        upload(browser, file, name=name)
        jobs.run_due()
        run = ImportRun.objects.latest("pk")
        assert (run.state, run.problem, run.unchanged_rows) == ("done", "", len(skus(name, file)))
    assert {name: rows for name, rows in dump_database().items() if name in before} == before


@pytest.mark.parametrize("limits", [{"size": 1000}, {"cells": 5 * 12}], ids=["bytes", "cells"])
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_parts_stay_below_the_limits(
    browser: Client, shop: None, monkeypatch: pytest.MonkeyPatch, limits: dict[str, int], kind: str
) -> None:
    limited(monkeypatch, **limits)
    files = export_files(browser, kind)
    assert len(files) > 2
    assert [sku for name, file in files.items() for sku in skus(name, file)] == [
        f"P{number}-{size}" for number in range(6) for size in range((1, 3, 2)[number % 3])
    ]
    if kind == "csv" and "size" in limits:
        assert max(map(len, files.values())) <= 1000 + 3


def test_a_product_beyond_the_limits_has_a_part_of_its_own(
    browser: Client, shop: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited(monkeypatch, rows=1)
    assert [len(skus(name, file)) for name, file in export_files(browser, "csv").items()] == [1, 3, 2, 1, 3, 2]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_what_an_upload_accepts_is_one_file(browser: Client, shop: None, kind: str) -> None:
    reply = browser.get(url_of("catalog.product", f"export_{kind}"))
    assert reply.headers["Content-Disposition"].endswith(f'.{kind}"')
    assert len(skus(kind, body_of(reply))) == 12


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_database_that_stops_answering_between_parts_ends_the_download(
    browser: Client, shop: None, monkeypatch: pytest.MonkeyPatch, settings: Any, kind: str
) -> None:
    monkeypatch.setattr("catalog.importing.export.PRODUCTS_AT_ONCE", 2)
    limited(monkeypatch, rows=2)
    reply = browser.get(url_of("catalog.product", f"export_{kind}"))
    content: Iterator[bytes] = reply.streaming_content
    settings.REQUEST_DATABASE_SECONDS = 0.2
    with failing("aggregate", times=None, blockConnection=True, blockTimeMS=3000), pytest.raises(DatabaseUnavailable):
        list(content)
