"""Files that try to exhaust memory or processor are read in a limited process and refused; nothing is stored."""

import io
import resource
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client

from accounts.models import User
from catalog.importing import csv_format, formats, xlsx_format, xlsx_reader
from catalog.importing.errors import FileRefused
from catalog.importing.models import ImportPart, ImportRun, ImportStep
from catalog.models import Product
from catalog.tests.files import upload, xlsx_of
from shop import jobs
from shop.dev.testing.admin import browser_of

pytestmark = pytest.mark.django_db

NAMESPACE = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
SHARED_STRINGS = (
    b'<Override PartName="/xl/sharedStrings.xml" ContentType='
    b'"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/>'
)
HEADING = b'<row><c t="inlineStr"><is><t>sku</t></is></c></row>'
UNPACKED = 90 * 1024 * 1024


def xlsx(*, rows: bytes = b"", strings: bytes = b"") -> bytes:
    """Return a workbook whose first sheet and whose shared strings have this content."""
    whole = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(xlsx_of([["sku"], ["MUG"]]))) as sound,
        zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive,
    ):
        for name in sound.namelist():
            data = sound.read(name)
            if name == "xl/worksheets/sheet1.xml":
                data = b"<worksheet %s><sheetData>%s%s</sheetData></worksheet>" % (NAMESPACE, HEADING, rows)
            elif name == "[Content_Types].xml":
                data = data.replace(b"</Types>", SHARED_STRINGS + b"</Types>")
            archive.writestr(name, data)
        archive.writestr("xl/sharedStrings.xml", b"<sst %s>%s</sst>" % (NAMESPACE, strings))
    return whole.getvalue()


def in_shared_strings(strings: bytes) -> bytes:
    return xlsx(rows=b'<row><c t="s"><v>0</v></c></row>', strings=strings)


def repeated(part: bytes, size: int = UNPACKED) -> bytes:
    return part * (size // len(part))


BOMBS: dict[str, Callable[[], bytes]] = {
    "shared strings": lambda: in_shared_strings(repeated(b"<si><t>a</t></si>")),
    "empty rows": lambda: xlsx(rows=repeated(b"<row/>")),
    "empty cells in one row": lambda: xlsx(rows=b"<row>" + repeated(b"<c/>") + b"</row>"),
    "cells at the far corner": lambda: xlsx(rows=repeated(b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')),
    "unknown elements": lambda: xlsx(rows=repeated(b"<x/>")),
    "deep elements": lambda: xlsx(rows=repeated(b"<x>")),
    "one long text": lambda: xlsx(rows=b'<row><c t="inlineStr"><is><t>' + b"a" * UNPACKED + b"</t></is></c></row>"),
}


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


def own_peak_in_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


@pytest.mark.parametrize("name", list(BOMBS))
def test_a_small_file_that_unpacks_to_a_large_one_is_refused_and_nothing_is_kept(browser: Client, name: str) -> None:
    bomb = BOMBS[name]()
    assert len(bomb) < 400_000
    before = own_peak_in_mb()
    upload(browser, bomb, name="bomb.xlsx")
    # The request has only stored it.
    assert ImportRun.objects.get().state == "checking"
    assert jobs.run_due() == 1
    run = ImportRun.objects.get()
    assert (run.state, run.problem) == ("refused", xlsx_reader.TOO_LARGE)
    assert own_peak_in_mb() - before < 50
    assert not ImportPart.objects.exists()
    assert not ImportStep.objects.exists()
    assert not Product.objects.exists()
    page = browser.get(f"/admin/catalog/importrun/{run.pk}/change/")
    assert "The file is too large when unpacked" in page.content.decode()


SLOW: dict[str, Callable[[], bytes]] = {
    # Just below the ratio that is refused.
    "shared strings": lambda: in_shared_strings(padded(b"<si><t>%d</t></si>", 300_000)),
    "cells": lambda: xlsx(rows=padded(b"<row><c><v>%d</v></c></row>", 100_000)),
    "deep elements": lambda: xlsx(rows=padded(b"<x%d>", 500_000)),
}


def padded(part: bytes, count: int) -> bytes:
    """At least three seconds of a processor, of which the reader gets one."""
    return b"".join(part % (number * 7919 % 1_000_003) for number in range(count))


@pytest.mark.parametrize("name", list(SLOW))
def test_a_file_that_takes_too_long_is_given_up_by_its_processor_time(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xlsx_format, "MAX_CPU_SECONDS", 1)
    # The time limit is not reached before.
    monkeypatch.setattr(xlsx_format, "WALL_FACTOR", 300)
    with pytest.raises(FileRefused) as refusal:
        list(xlsx_format.records(io.BytesIO(SLOW[name]()), max_columns=300, max_cells=10**7))
    assert str(refusal.value) == xlsx_reader.TOO_LARGE


@pytest.mark.slow
def test_a_file_that_takes_too_much_memory_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_format, "MAX_MEMORY_BYTES", 70 * 1024 * 1024)
    sound = xlsx_of([["sku"], ["MUG"]])
    assert list(xlsx_format.records(io.BytesIO(sound), max_columns=300, max_cells=10**7))[-1] == ["MUG"]
    with pytest.raises(FileRefused) as refusal:
        list(xlsx_format.records(io.BytesIO(SLOW["shared strings"]()), max_columns=300, max_cells=10**7))
    assert str(refusal.value) == xlsx_reader.TOO_LARGE


KILLED = "import os; os.kill(os.getpid(), 9)"
READERS = {
    "is killed at once": KILLED,
    "is killed in the middle of a row": """print('["sku"]\\n["MU', end='', flush=True)\n""" + KILLED,
    "is killed between rows": """print('["sku"]', flush=True)\n""" + KILLED,
    "ends early": """print('["sku"]')""",
    "writes nonsense": "print('nonsense')",
    "never ends": "import time; time.sleep(600)",
    "writes a line without an end": "while True: print('x' * 100000, end='')",
}


@pytest.mark.parametrize("how", list(READERS))
def test_a_reader_that_does_not_come_to_its_end_is_a_refusal(
    browser: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    reader = tmp_path / "reader.py"
    reader.write_text(READERS[how])
    monkeypatch.setattr(xlsx_format, "READER", str(reader))
    monkeypatch.setattr(xlsx_format, "WALL_FACTOR", 0.3)
    upload(browser, xlsx_of([["sku", "name", "price"], ["MUG", "Mug", "1.00"]]), name="a.xlsx")
    assert jobs.run_due() == 1
    run = ImportRun.objects.get()
    assert (run.state, run.problem) == ("refused", xlsx_reader.TOO_LARGE)
    assert not ImportStep.objects.exists()


def test_the_reader_sees_no_secret_and_ends_with_its_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = tmp_path / "reader.py"
    reader.write_text("import os, json\nprint(json.dumps(list(os.environ)))\nwhile True: print('[\"a\"]')")
    monkeypatch.setattr(xlsx_format, "READER", str(reader))
    rows = xlsx_format.records(io.BytesIO(b""), max_columns=300, max_cells=10)
    assert not {"JWT_SECRET_KEY", "STRIPE_SECRET_KEY", "MONGO_URI", "PATH"} & set(next(rows))
    rows.close()


CSV_BOMBS: dict[str, bytes] = {
    "one row of commas": b"sku,name\n" + b"," * 5_000_000,
    "one row over many lines": b"sku,name\n" + b'"\n",' * 2_000_000,
    "an open quotation mark": b'sku,name\n"' + b"a\n" * 2_000_000,
    "one giant cell": b"sku,name\n" + b"a" * 5_000_000,
    "no end of the headings": b"sku," * 2_000_000,
    "NULs": b"sku,name\n" + b"\0" * 5_000_000,
    "many cells": b"sku," + b"a," * 150 + b"\n" + (b"," * 150 + b"x\n") * 11_000,
}


@pytest.mark.parametrize("name", list(CSV_BOMBS))
def test_a_csv_file_of_giant_rows_is_refused(name: str) -> None:
    with pytest.raises(FileRefused):
        list(formats.open_table(io.BytesIO(CSV_BOMBS[name])).rows)


def test_a_long_row_of_csv_is_read_up_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_format, "MAX_ROW_LENGTH", 100)
    fits = "sku,description\n" + 'A,"' + "x\n" * 40 + '"\n'
    assert len(list(formats.open_table(io.BytesIO((fits * 3).encode())).rows)) == 5
    with pytest.raises(FileRefused, match="Row 2 has more than 100 characters"):
        list(formats.open_table(io.BytesIO(fits.replace("x", "xx").encode())).rows)
