"""Large files: memory of an import, and its number of database commands."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command

from catalog.importing import runs
from catalog.models import Product, Variant
from catalog.tests.files import Rows, csv_of, export_products, import_products, xlsx_of
from shop import audit
from shop.dev.testing.commands import count_commands
from shop.dev.testing.server import database_uri

pytestmark = pytest.mark.django_db

MOST_MEGABYTES = 200
# Imports the file named on the command line, and prints by how much the peak memory has grown.
MEASURE = """
import resource, sys, django
django.setup()
from django.core.management import call_command
from catalog.models import Product
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
Product.objects.count()
before = peak()
call_command("import_products", sys.argv[1])
print("megabytes", peak() - before)
"""


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


def megabytes_for(path: Path) -> int:
    """Return the memory that the import of a file takes in a separate process."""
    environment = {**os.environ, "MONGO_URI": database_uri(), "DJANGO_SETTINGS_MODULE": "shop.settings"}
    command = [sys.executable, "-c", MEASURE, str(path)]
    done = subprocess.run(command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split("megabytes")[1])


def test_a_row_takes_a_quarter_of_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Large batches, however slow the machine.
    monkeypatch.setattr(runs, "BATCH_SECONDS", 600)
    monkeypatch.setattr(runs, "FIRST_STEPS", 100)
    with count_commands() as commands:
        import_products(tmp_path, large(400))
    assert Variant.objects.count() == 400
    assert len(commands) <= 100, len(commands)
    with count_commands() as commands:
        import_products(tmp_path, large(400, price="21"))
    assert len(commands) <= 80, len(commands)
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
    assert megabytes_for(path) < 60
    assert Variant.objects.count() == 1000


@pytest.mark.large
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_ten_thousand_rows_stay_below_200_megabytes(tmp_path: Path, kind: str) -> None:
    rows = large(10_000)
    path = tmp_path / f"products.{kind}"
    table: list[list[Any]] = [list(rows[0]), *(list(row.values()) for row in rows)]
    path.write_bytes(csv_of(rows).encode() if kind == "csv" else xlsx_of(table))
    assert megabytes_for(path) < MOST_MEGABYTES
    assert (Product.objects.count(), Variant.objects.count()) == (5000, 10_000)
    assert audit.violations() == []
    assert "10,000 unchanged" in import_products(tmp_path, export_products(tmp_path, f"export.{kind}"))


@pytest.mark.large
def test_the_largest_file_that_is_allowed_stays_below_400_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "products.csv"
    path.write_text(csv_of([{**row, "description": ""} for row in large(50_000)]))
    assert megabytes_for(path) < 2 * MOST_MEGABYTES
    assert Variant.objects.count() == 50_000
