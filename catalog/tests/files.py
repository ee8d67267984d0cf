"""Product files for tests."""

import csv
import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.http import HttpResponse
from django.test import Client

from catalog.importing import planning
from catalog.importing.models import ImportRun, ImportStep
from catalog.models import Variant
from shop import audit
from shop.dev.testing.admin import in_dialog, url_of
from shop.dev.testing.steps import dump_database

Rows = Sequence[Mapping[str, Any]]


def csv_of(rows: Rows, *, delimiter: str = ",") -> str:
    """Return a CSV file with the columns of all rows; missing values are empty cells."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def xlsx_of(rows: Sequence[Sequence[Any]]) -> bytes:
    """An XLSX file with these cells, the headings among them, as other programs write it."""
    workbook = openpyxl.Workbook()
    for row in rows:
        workbook.active.append(list(row))
    file = io.BytesIO()
    workbook.save(file)
    return file.getvalue()


def import_products(folder: Path, content: str | bytes | Rows, *arguments: str, name: str = "products.csv") -> str:
    """Import a file by the command; return its output."""
    if not isinstance(content, str | bytes):
        content = csv_of(content)
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    out = io.StringIO()
    call_command("import_products", str(path), *arguments, stdout=out, stderr=out)
    return out.getvalue()


def export_products(folder: Path, name: str = "export.csv") -> bytes:
    """Export all products by the command; return the file."""
    call_command("export_products", str(folder / name), stdout=io.StringIO())
    return (folder / name).read_bytes()


def rows_of(file: bytes) -> list[dict[str, str]]:
    """The rows of an exported CSV file."""
    return list(csv.DictReader(io.StringIO(file.decode("utf-8-sig"), newline="")))


def cells_of(file: bytes) -> list[list[Any]]:
    """The cells of an exported XLSX file, the headings among them."""
    sheet = openpyxl.load_workbook(io.BytesIO(file)).active
    return [list(row) for row in sheet.iter_rows(values_only=True)]


def upload(browser: Client, content: str | bytes | Rows, *, name: str = "products.csv", **fields: str) -> HttpResponse:
    """Upload a file in the admin; return the page that this leads to."""
    if not isinstance(content, str | bytes):
        content = csv_of(content)
    file = SimpleUploadedFile(name, content.encode() if isinstance(content, str) else content)
    url = url_of("catalog.importrun", "add")
    return browser.post(url, {"encoding": "utf-8", **fields, "file": file}, follow=True)


def press(browser: Client, button: str, run: ImportRun) -> HttpResponse:
    """Press a button on an import's page and confirm its dialog."""
    return in_dialog(browser, url_of("catalog.importrun", button, run.pk), {})


def previewed(browser: Client, *rows: Mapping[str, str]) -> ImportRun:
    """Upload valid rows; return the import that waits to be confirmed."""
    upload(browser, rows)
    run = ImportRun.objects.order_by("-pk").first()
    assert run.state == "ready", run.faults
    return run


def confirmed(browser: Client, run: ImportRun) -> ImportRun:
    """Confirm an import; return it when it is done and the audit has no violations."""
    press(browser, "confirm", run)
    run.refresh_from_db()
    assert run.state == "done"
    assert audit.violations() == []
    return run


def conflicts(run: ImportRun) -> list[str]:
    """Return why products of an import were skipped."""
    return [step.conflict for step in ImportStep.objects.filter(plan=run.plan).exclude(conflict="").order_by("number")]


def pieces(sku: str) -> int:
    return Variant.objects.get(sku=sku).stock


def refused(folder: Path, content: bytes, *arguments: str) -> str:
    """Import a file that must be refused without any change; return the error message."""
    before = dump_database()
    with pytest.raises(CommandError) as error:
        import_products(folder, content, *arguments)
    assert dump_database() == before
    return str(error.value)


def faults(folder: Path, content: str | bytes | Rows, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """Import a file that must be refused; return the rows and columns of their errors."""
    found: list[tuple[int, str]] = []
    add = planning.add_faults

    def add_and_keep(run: ImportRun, new: list[Any]) -> None:
        found.extend((fault.row, fault.column) for fault in new)
        add(run, new)

    monkeypatch.setattr(planning, "add_faults", add_and_keep)
    before = dump_database()
    with pytest.raises(CommandError, match="nothing was changed"):
        import_products(folder, content)
    assert dump_database() == before
    return found


def packed(parts: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return file.getvalue()


def parts_of(xlsx: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(xlsx)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
