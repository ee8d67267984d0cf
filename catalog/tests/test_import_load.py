"""Large files: memory of an import, and its number of database commands."""

import io
import os
import re
import sqlite3
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from django.conf import settings
from django.core.management import CommandError, call_command

from catalog.importing import grouping, runs
from catalog.importing.models import ImportStep
from catalog.importing.staging import StagedRows
from catalog.models import Product, Variant
from catalog.tests.files import Rows, csv_of, export_products, import_products, xlsx_of
from shop import audit
from shop.db import documents
from shop.dev.testing.commands import count_commands
from shop.dev.testing.server import database_uri
from shop.dev.testing.steps import dump_database

pytestmark = pytest.mark.django_db

# Whatever the size of the file; about a half are modules that the command imports.
MOST_MEGABYTES = 60
# Runs a command, and prints by how much the peak memory has grown.
MEASURE = """
import resource, sys, django
django.setup()
from django.conf import settings
from django.core.management import call_command
# Otherwise Django keeps queries.
settings.DEBUG = False
from catalog.models import Product
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
Product.objects.count()
before = peak()
call_command(*sys.argv[1:])
print("megabytes", peak() - before)
"""


NAMES = (("Hat", ""), ("Shoe", "shoe"), ("Cup", "cup"))


def large(rows: int, *, price: str = "19.90") -> Rows:
    """A file of this many rows with long descriptions, two per product."""
    return [
        {
            "sku": f"SKU-{n:06}",
            "name": f"Product {n // 2}",
            "slug": f"product-{n // 2}",
            "description": f"The product number {n // 2}, described at length. " * 8,
            "attr:colour": ("red", "blue", "green")[n // 2 % 3],
            "option:size": "SM"[n % 2],
            "price": price,
            "stock": str(n % 7),
        }
        for n in range(rows)
    ]


def clone_products(number: int) -> None:
    """Insert products of two variants, without their read model."""
    for start in range(0, number, 5000):
        products = [
            Product(
                pk=ObjectId(), name=f"Product {n}", slug=f"product-{n}", description=f"Product {n}, at length. " * 16
            )
            for n in range(start, min(start + 5000, number))
        ]
        documents.insert(*products)
        documents.insert(
            *(
                Variant(product=product, sku=f"{product.slug}-{size}", options={"size": size}, price=Decimal("19.90"))
                for product in products
                for size in "SM"
            )
        )


def measured(command: str, path: Path) -> tuple[int, str]:
    """Run a command in a separate process; return the megabytes that it takes, and its output."""
    environment = {**os.environ, "MONGO_URI": database_uri(), "DJANGO_SETTINGS_MODULE": "shop.settings"}
    process = [sys.executable, "-c", MEASURE, command, str(path)]
    done = subprocess.run(process, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr
    output, _, megabytes = done.stdout.partition("megabytes")
    return int(megabytes), output


def test_a_row_takes_a_quarter_of_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Large batches, however slow the machine.
    monkeypatch.setattr(runs, "BATCH_SECONDS", 600)
    monkeypatch.setattr(runs, "FIRST_STEPS", 100)
    with count_commands() as commands:
        import_products(tmp_path, large(400))
    assert Variant.objects.count() == 400
    # With one for the changes of each batch.
    assert len(commands) <= 105, len(commands)
    with count_commands() as commands:
        import_products(tmp_path, large(400, price="21"))
    assert len(commands) <= 105, len(commands)
    with count_commands() as commands:
        assert "400 unchanged" in import_products(tmp_path, large(400, price="21"))
    assert len(commands) <= 12, str(commands)
    assert audit.violations() == []


def test_a_terminal_shows_how_far_an_import_has_come(tmp_path: Path) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    path = tmp_path / "products.csv"
    path.write_text(csv_of(large(60)))
    call_command("import_products", str(path), stdout=(terminal := Terminal()))
    assert re.search(r"Checking +#{24} 30/30", terminal.getvalue())
    assert re.search(r"Writing products +#{16}\.{8} 20/30", terminal.getvalue())


def test_a_thousand_rows_take_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "products.csv"
    path.write_text(csv_of(large(1000)))
    megabytes, _ = measured("import_products", path)
    assert megabytes < MOST_MEGABYTES
    assert Variant.objects.count() == 1000


def test_rows_of_a_product_may_be_far_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mug: Product) -> None:
    for name in ("LOOKED_UP_AT_ONCE", "PRODUCTS_AT_ONCE", "ROWS_AT_ONCE"):
        monkeypatch.setattr(grouping, name, 1)
    sizes = [
        [
            {"sku": f"{name}-{size}", "slug": slug, "name": name, "price": "5", "option:size": size}
            for name, slug in names
        ]
        for size, names in (("S", NAMES), ("M", NAMES), ("L", NAMES))
    ]
    renamed = {"sku": "MUG", "slug": "cup", "name": "Cup", "price": "10", "option:size": ""}
    import_products(tmp_path, [*sizes[0], *sizes[1], renamed, *sizes[2]])
    found = {product.slug: [variant.sku for variant in product.variants.all()] for product in Product.objects.all()}
    assert found == {
        "hat": ["Hat-S", "Hat-M", "Hat-L"],
        "shoe": ["Shoe-S", "Shoe-M", "Shoe-L"],
        "cup": ["MUG", "Cup-S", "Cup-M", "Cup-L"],
    }
    assert audit.violations() == []


def test_conflicts_between_rows_far_apart_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, mug: Product, hat: Product
) -> None:
    for name in ("LOOKED_UP_AT_ONCE", "PRODUCTS_AT_ONCE", "ROWS_AT_ONCE"):
        monkeypatch.setattr(grouping, name, 1)
    path = tmp_path / "products.csv"
    rows = [{"sku": f"N-{n}", "slug": f"n-{n}", "name": f"N {n}", "price": "5"} for n in range(3)]
    renamed = [{"sku": sku, "slug": "same", "name": "", "price": ""} for sku in ("MUG", "HAT")]
    path.write_text(csv_of([renamed[0], *rows, renamed[1], {**rows[0], "sku": "n-0"}]))
    with pytest.raises(CommandError, match="2 errors"):
        call_command("import_products", str(path))
    assert capsys.readouterr().err.splitlines() == [
        "  row 6, slug: Another product has this slug. A variant cannot move to another product.",
        "  row 7, sku: Row 3 already has this SKU.",
    ]
    assert Product.objects.count() == 2


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_three_hundred_rows_come_back_without_a_change(tmp_path: Path, kind: str) -> None:
    clone_products(150)
    before = dump_database()
    content = export_products(tmp_path, f"export.{kind}")
    assert "0 rows new, 0 changed, 300 unchanged" in import_products(tmp_path, content, name=f"products.{kind}")
    assert dump_database() == before


def test_a_full_disk_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(StagedRows, "add", full)
    with pytest.raises(CommandError, match="temporary file: database or disk is full"):
        import_products(tmp_path, large(2))


@pytest.mark.large
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_ten_thousand_rows_take_as_little_memory(tmp_path: Path, kind: str) -> None:
    rows = large(10_000)
    path = tmp_path / f"products.{kind}"
    table: list[list[Any]] = [list(rows[0]), *(list(row.values()) for row in rows)]
    path.write_bytes(csv_of(rows).encode() if kind == "csv" else xlsx_of(table))
    megabytes, _ = measured("import_products", path)
    assert megabytes < MOST_MEGABYTES
    assert (Product.objects.count(), Variant.objects.count()) == (5000, 10_000)
    assert audit.violations() == []
    assert "10,000 unchanged" in import_products(tmp_path, export_products(tmp_path, f"export.{kind}"))


@pytest.mark.large
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_hundred_thousand_rows_come_back_in_little_memory(tmp_path: Path, kind: str) -> None:
    clone_products(50_000)
    path = tmp_path / f"export.{kind}"
    megabytes, _ = measured("export_products", path)
    assert megabytes < MOST_MEGABYTES
    megabytes, output = measured("import_products", path)
    assert megabytes < MOST_MEGABYTES
    assert "0 rows new, 0 changed, 100,000 unchanged" in output
    assert not ImportStep.objects.exists()
