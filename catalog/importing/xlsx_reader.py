"""Read an XLSX file in a process of its own, within limits of memory and processor time.

Started by `catalog.importing.xlsx_format` as a script that imports nothing of the project: the file is its standard
input, its argument the limits, its output one JSON value a line. A list is a row; an object ends the output:
``{"rows": n}``, or ``{"refused": sentence}``.
"""

import json
import re
import resource
import sys
import zipfile
from collections.abc import Iterator
from math import isfinite
from typing import Any, BinaryIO, NamedTuple

UNREADABLE = "This is no XLSX file that can be read: open it in a spreadsheet and save it again, or save it as CSV."
TOO_LARGE = "The file is too large when unpacked: import it in several parts, or as CSV."

_ESCAPED = re.compile("_x(00[01][0-9A-Fa-f]|005[Ff]|[Ff]{3}[EeFf])_")
# As Apache POI's: a spreadsheet's XML hardly ever packs better. https://poi.apache.org/components/configuration.html
_MAX_RATIO = 100
_RATIO_MATTERS_FROM = 1024 * 1024


class Limits(NamedTuple):
    """What the process may use, and what the file may hold."""

    cpu_seconds: int
    memory_bytes: int
    unpacked_bytes: int
    archive_members: int
    sheet_rows: int
    columns: int
    cells: int
    row_length: int


class Refused(Exception):
    """The file is not read; the message says why."""


def main() -> None:
    limits = Limits(**json.loads(sys.argv[1]))
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    count = 0
    try:
        for row in _rows(sys.stdin.buffer, limits):
            print(json.dumps(row))
            count += 1
        print(json.dumps({"rows": count}))
    except Refused as refusal:
        print(json.dumps({"refused": str(refusal)}))
    except MemoryError:
        print(json.dumps({"refused": TOO_LARGE}))


def _rows(file: BinaryIO, limits: Limits) -> Iterator[list[str]]:
    _check_archive(file, limits)
    # Imported within the limits.
    import openpyxl
    from openpyxl.cell.read_only import EMPTY_CELL

    try:
        # Formulas count with the value that was saved with them; links to other files are left alone.
        workbook = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        sheet = workbook.worksheets[0]
        # What the file says of its size may be wrong.
        sheet.reset_dimensions()
        rows = sheet.iter_rows(max_col=limits.columns + 1)
    except MemoryError:
        raise
    except Exception as error:
        # The library lets out whatever its parsers and the broken file come to.
        raise Refused(UNREADABLE) from error
    number = cells = 0
    while True:
        number += 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except MemoryError:
            raise
        except Exception as error:
            raise Refused(UNREADABLE) from error
        if number > limits.sheet_rows:
            raise Refused(f"The sheet goes on below row {limits.sheet_rows}: delete the empty rows at its end.")
        # Each row comes as wide as the widest that is allowed.
        width = len(row)
        while width and row[width - 1] is EMPTY_CELL:
            width -= 1
        texts = [_text(cell, number, column) for column, cell in enumerate(row[:width], start=1)]
        while texts and not texts[-1]:
            texts.pop()
        cells += len(texts)
        if cells > limits.cells:
            raise Refused(f"The file has more than {limits.cells} cells: import it in several parts.")
        if sum(map(len, texts)) > limits.row_length:
            raise Refused(f"Row {number} has more than {limits.row_length} characters.")
        yield texts


def _text(cell: Any, row: int, column: int) -> str:
    from openpyxl.cell.cell import TYPE_ERROR
    from openpyxl.utils import get_column_letter

    value = cell.value
    if value is None:
        return ""
    if cell.data_type == TYPE_ERROR:
        raise Refused(f"Cell {get_column_letter(column)}{row} holds an error, {value}: mend its formula.")
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
    raise Refused(f"Cell {where} holds a date or an impossible number: format its column as text and type it again.")


def _check_archive(file: BinaryIO, limits: Limits) -> None:
    """Look at what the archive says of itself, before anything is unpacked; no member gives out more than it says."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise Refused(UNREADABLE) from error
    finally:
        file.seek(0)
    if any(member.flag_bits & 1 for member in members):
        raise Refused("This XLSX file has a password: save it without one.")
    if (
        len(members) > limits.archive_members
        or sum(member.file_size for member in members) > limits.unpacked_bytes
        or any(
            member.file_size > _RATIO_MATTERS_FROM and member.file_size > _MAX_RATIO * member.compress_size
            for member in members
        )
    ):
        raise Refused(TOO_LARGE)


if __name__ == "__main__":
    main()
