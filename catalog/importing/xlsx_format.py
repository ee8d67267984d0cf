"""XLSX files: only their first sheet, only values; read and written row by row."""

import re
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from math import isfinite
from typing import Any, BinaryIO

import openpyxl
from openpyxl.cell.cell import ERROR_CODES, TYPE_ERROR, TYPE_STRING, Cell, WriteOnlyCell
from openpyxl.utils import get_column_letter

from catalog.importing.errors import FileRefused

MAX_UNPACKED_BYTES = 100 * 1024 * 1024
MAX_ARCHIVE_MEMBERS = 1000
# Empty ones included, of which spreadsheets like to keep many.
MAX_SHEET_ROWS = 200_000
UNREADABLE = "This is no XLSX file that can be read: open it in a spreadsheet and save it again, or save it as CSV."

# Characters that XML cannot hold, or would change, are written as _x000B_ (ECMA-376, ST_Xstring), and what looks like
# that by chance with its own underscore so.
_TO_ESCAPE = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_ESCAPED = re.compile("_x(00[01][0-9A-Fa-f]|005[Ff]|[Ff]{3}[EeFf])_")


def records(file: BinaryIO, *, max_columns: int) -> Iterator[list[str]]:
    """Return the rows of the file's first sheet as texts. Raises :class:`FileRefused`, now or on the way."""
    _refuse_bombs(file)
    try:
        # Formulas count with the value that was saved with them; links to other files are left alone.
        workbook = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        sheet = workbook.worksheets[0]
        # What the file says of its size may be wrong.
        sheet.reset_dimensions()
        rows = sheet.iter_rows(max_col=max_columns + 1)
    except Exception as error:
        # The library lets out whatever its parsers and the broken file come to.
        raise FileRefused(UNREADABLE) from error
    return _texts(rows)


class Writer:
    """Collects rows in a file on disk, then gives out its bytes; used in a ``with`` block, which leaves nothing."""

    def __init__(self) -> None:
        self._workbook = openpyxl.Workbook(write_only=True)
        self._sheet = self._workbook.create_sheet("Products")
        self._saved = False

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        if not self._saved:
            # The library itself cleans up when a workbook is saved, or when the process ends.
            self._sheet.close()
            self._sheet._writer.cleanup()

    def write(self, rows: Iterable[Sequence[str | int | Decimal]]) -> None:
        for row in rows:
            self._sheet.append([self._cell(cell) if isinstance(cell, str) else cell for cell in row])

    def _cell(self, text: str) -> str | Cell:
        if text not in ERROR_CODES:
            return _escaped(text)
        # A text that looks like a formula's error, which the library would make of it.
        cell: Cell = WriteOnlyCell(self._sheet, text)
        cell.data_type = TYPE_STRING
        return cell

    def chunks(self, size: int = 64 * 1024) -> Iterator[bytes]:
        """End the file and return its bytes."""
        with tempfile.TemporaryFile() as file:
            self._workbook.save(file)
            self._saved = True
            file.seek(0)
            while chunk := file.read(size):
                yield chunk


def _texts(rows: Iterator[tuple[Any, ...]]) -> Iterator[list[str]]:
    number = 0
    while True:
        number += 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except Exception as error:
            raise FileRefused(UNREADABLE) from error
        if number > MAX_SHEET_ROWS:
            raise FileRefused(f"The sheet goes on below row {MAX_SHEET_ROWS}: delete the empty rows at its end.")
        cells = [_text(cell, number, column) for column, cell in enumerate(row, start=1)]
        # Each row comes as wide as the widest that is allowed.
        while cells and not cells[-1]:
            cells.pop()
        yield cells


def _text(cell: Any, row: int, column: int) -> str:
    value = cell.value
    if value is None:
        return ""
    if cell.data_type == TYPE_ERROR:
        raise FileRefused(f"Cell {get_column_letter(column)}{row} holds an error, {value}: mend its formula.")
    if isinstance(value, str):
        return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and isfinite(value):
        # As many digits as spreadsheets have: 0.1 + 0.2 is 0.3.
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.15g}"
    where = f"{get_column_letter(column)}{row}"
    raise FileRefused(
        f"Cell {where} holds a date or an impossible number: format its column as text and type it again."
    )


def _escaped(text: str) -> str:
    return _TO_ESCAPE.sub(lambda found: f"_x{ord(found[0]):04X}_", text)


def unpacked_size(file: BinaryIO) -> int:
    """Return what the archive says its members have in bytes; 0 for what is no archive. None gives out more."""
    try:
        return sum(member.file_size for member in _members(file))
    except FileRefused:
        return 0


def _refuse_bombs(file: BinaryIO) -> None:
    """Look at what the archive says of itself, before anything is unpacked."""
    members = _members(file)
    if len(members) > MAX_ARCHIVE_MEMBERS or sum(member.file_size for member in members) > MAX_UNPACKED_BYTES:
        raise FileRefused(
            f"Unpacked, this XLSX file is larger than {MAX_UNPACKED_BYTES // 1024 // 1024} MB: import it in several "
            "parts, or as CSV."
        )
    if any(member.flag_bits & 1 for member in members):
        raise FileRefused("This XLSX file has a password: save it without one.")


def _members(file: BinaryIO) -> list[zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise FileRefused(UNREADABLE) from error
    finally:
        file.seek(0)
