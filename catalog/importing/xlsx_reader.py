"""A script that reads an XLSX file from stdin, without importing the project.

It prints JSON lines: a list per row, then ``{"rows": n}`` or ``{"refused": sentence}``.
"""

import json
import re
import resource
import sys
import zipfile
from collections.abc import Iterator
from itertools import repeat
from typing import Any, BinaryIO, NamedTuple

UNREADABLE = "This XLSX file cannot be read. Open it in a spreadsheet and save it again, or save it as CSV."
TOO_LARGE = "The file is too large when unpacked. Import it in several parts, or as CSV."

_ESCAPED = re.compile("_x(00[01][0-9A-Fa-f]|005[Ff]|[Ff]{3}[EeFf])_")
_FORMULA, _LONGEST_TAG = re.compile(rb"<(?:\w{1,20}:)?f[\s/>]"), 60
# Number formats with leading zeros and literals: 00000, 000-0000, "A"000.
_LITERALS = "-+() :&'~{}<>=^$€£¥"
_ZEROS = re.compile(rf'[#?]*((?:0|"[^"]*"|\\.|[{_LITERALS}])+)')
_ZEROS_PART = re.compile(rf'0|"([^"]*)"|\\(.)|([{_LITERALS}])')
# `[Red]`, `[$-407]`, `_)` and `*-` do not change digits; conditions (`[<=99999]`) do.
_LITERAL = r'"[^"]*"|\\.'
_DECORATION = re.compile(rf"({_LITERAL})|\[(?![<>=])[^\]]*\]|[_*].")
# Spreadsheets keep 15 digits.
_INEXACT = 10**15
# As in Apache POI: https://poi.apache.org/components/configuration.html
_MAX_RATIO = 100
_RATIO_MATTERS_FROM = 1024 * 1024


class Limits(NamedTuple):
    cpu_seconds: int | None
    memory_bytes: int
    unpacked_bytes: int | None
    archive_members: int
    sheet_rows: int | None
    columns: int
    cells: int | None
    row_length: int


class Refused(Exception):
    """The message gives the reason."""


def main() -> None:
    limits = Limits(**json.loads(sys.argv[1]))
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    if limits.cpu_seconds is not None:
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
    # Imported after the limits are set.
    from openpyxl.cell.cell import TYPE_FORMULA
    from openpyxl.cell.read_only import EMPTY_CELL

    cells = 0
    for number, (row, with_formulas) in enumerate(_cells(file, limits), start=1):
        if limits.sheet_rows is not None and number > limits.sheet_rows:
            raise Refused(f"The sheet extends beyond row {limits.sheet_rows}. Delete the empty rows at its end.")
        for column, cell in enumerate(with_formulas):
            if cell.data_type == TYPE_FORMULA:
                _check_formula(row[column], cell.coordinate)
        # Rows are padded.
        width = len(row)
        while width and row[width - 1] is EMPTY_CELL:
            width -= 1
        texts = [_text(cell) for cell in row[:width]]
        while texts and not texts[-1]:
            texts.pop()
        cells += len(texts)
        if limits.cells is not None and cells > limits.cells:
            raise Refused(
                f"The file has more than {limits.cells:,} cells. Import it in several parts, or with manage.py "
                "import_products, which has no such limit."
            )
        if sum(map(len, texts)) > limits.row_length:
            raise Refused(f"Row {number} has more than {limits.row_length} characters.")
        yield texts


def _cells(file: BinaryIO, limits: Limits) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    """Yield the cells of each row, and again with formulas if the file has any."""
    try:
        values = _sheet_rows(file, limits, data_only=True)
        # Reading with data_only=False finds formulas without a saved value.
        formulas = _sheet_rows(file, limits, data_only=False) if _has_formulas(file) else repeat(())
        yield from zip(values, formulas, strict=False)
    except MemoryError:
        raise
    except Exception as error:
        # openpyxl raises any exception for broken files.
        raise Refused(UNREADABLE) from error


def _sheet_rows(file: BinaryIO, limits: Limits, *, data_only: bool) -> Iterator[tuple[Any, ...]]:
    import openpyxl

    workbook = openpyxl.load_workbook(file, read_only=True, data_only=data_only, keep_links=False)
    sheet = workbook.worksheets[0]
    # Declared dimensions may be wrong.
    sheet.reset_dimensions()
    return sheet.iter_rows(max_col=limits.columns + 1)


def _has_formulas(file: BinaryIO) -> bool:
    """Search for elements `f`, so that only files with formulas are read twice."""
    with zipfile.ZipFile(file) as archive:
        for member in archive.namelist():
            end = b""
            with archive.open(member) as sheet:
                while piece := sheet.read(1024 * 1024):
                    # UTF-16 has a zero byte per ASCII character.
                    if _FORMULA.search((end + piece).replace(b"\0", b"")):
                        return True
                    end = piece[-_LONGEST_TAG:]
    return False


def _check_formula(cell: Any, where: str) -> None:
    """Refuse a formula without a saved value; an empty text is a value."""
    from openpyxl.cell.cell import TYPE_FORMULA_CACHE_STRING

    if cell.value is None and cell.data_type != TYPE_FORMULA_CACHE_STRING:
        raise Refused(f"Cell {where} contains a formula without a value. Open the file in a spreadsheet and save it.")


def _text(cell: Any) -> str:
    """Return the displayed text of a cell."""
    from openpyxl.cell.cell import TYPE_ERROR

    value = cell.value
    if cell.data_type == TYPE_ERROR:
        raise Refused(f"Cell {cell.coordinate} contains an error, {value}. Correct its formula.")
    if value is None:
        return ""
    if isinstance(value, str):
        return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), value)
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        if not -_INEXACT < value < _INEXACT:
            raise Refused(
                f"Cell {cell.coordinate} contains a number of more than 15 digits, which spreadsheets shorten. Format "
                "its column as text and enter it again."
            )
        # With 15 digits, 0.1 + 0.2 is 0.3.
        return _with_zeros(int(value), cell) if value == int(value) else f"{value:.15g}"
    raise Refused(f"Cell {cell.coordinate} contains a date. Format its column as text and enter it again.")


def _with_zeros(value: int, cell: Any) -> str:
    pattern = _DECORATION.sub(r"\1", cell.number_format.partition(";")[0])
    found = _ZEROS.fullmatch(pattern)
    placeholders = re.sub(_LITERAL, "", pattern)
    # Formats with decimals or thousands are for amounts.
    if found is None and "00" in placeholders and not re.search("[.,/%Ee]", placeholders):
        shown_as = cell.number_format[:60]
        raise Refused(f"Cell {cell.coordinate} shows a number in the format {shown_as}. Format its column as text.")
    parts = list(_ZEROS_PART.finditer(found[1])) if found else []
    places = sum(part[0] == "0" for part in parts)
    if value < 0 or places < 2:
        return str(value)
    digits = str(value).zfill(places)
    # Digits beyond the places come first.
    beyond, digits = digits[: len(digits) - places], digits[len(digits) - places :]
    rest = iter(digits)
    shown = ""
    for part in parts:
        if part[0] == "0":
            shown, beyond = shown + beyond + next(rest), ""
        else:
            shown += part[1] or part[2] or part[3] or ""
    return shown


def _check_archive(file: BinaryIO, limits: Limits) -> None:
    """Check declared sizes; zipfile never unpacks more."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise Refused(UNREADABLE) from error
    finally:
        file.seek(0)
    if any(member.flag_bits & 1 for member in members):
        raise Refused("This XLSX file has a password. Save it without one.")
    if (
        len(members) > limits.archive_members
        or (limits.unpacked_bytes is not None and sum(member.file_size for member in members) > limits.unpacked_bytes)
        or any(
            member.file_size > _RATIO_MATTERS_FROM and member.file_size > _MAX_RATIO * member.compress_size
            for member in members
        )
    ):
        raise Refused(TOO_LARGE)


if __name__ == "__main__":
    main()
