import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from catalog.importing import csv_format, xlsx_format
from catalog.importing.errors import FileRefused

MAX_COLUMNS = 300
# Excel's limit.
MAX_CELL_LENGTH = 32_767

# Limits of an upload, which occupies the worker and the database; a small XLSX file can repeat a long text.
MAX_BYTES = 20 * 1024 * 1024
MAX_ROWS = 50_000
MAX_TEXT_LENGTH = 50_000_000
MAX_CELLS = 1_500_000
_ADVICE = "Import it in several parts, or with manage.py import_products, which has no such limit."

# https://owasp.org/www-community/attacks/CSV_Injection
_STARTS_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")


class Table(NamedTuple):
    """Headings, and numbered rows with as many cells."""

    headings: list[str]
    rows: Iterator[tuple[int, list[str]]]
    # Whether amounts may be written as 19,90.
    decimal_comma: bool


def open_table(file: BinaryIO, *, encoding: str = "utf-8", is_upload: bool = True) -> Table:
    """Limit the size of uploads. Raises :class:`FileRefused`, also while iterating."""
    if is_upload:
        check_size(file.seek(0, 2))
    file.seek(0)
    beginning = file.read(8)
    file.seek(0)
    if beginning.startswith(b"\xd0\xcf\x11\xe0"):
        raise FileRefused("This is an old Excel file (.xls) or has a password. Save it as XLSX or CSV.")
    if beginning.startswith(b"PK"):
        records = xlsx_format.records(file, max_columns=MAX_COLUMNS, max_cells=MAX_CELLS if is_upload else None)
        decimal_comma = False
    else:
        records, decimal_comma = csv_format.records(file, encoding=encoding)
    rows = _rows(_within_limits(records) if is_upload else records)
    _, headings = next(rows, (0, []))
    while headings and not headings[-1].strip():
        headings.pop()
    if not headings:
        raise FileRefused("The file is empty. Its first row must name the columns.")
    return Table(headings, _padded(rows, len(headings)), decimal_comma)


def check_size(size: int) -> None:
    """Raise :class:`FileRefused` for a too large upload."""
    if size > MAX_BYTES:
        raise FileRefused(f"The file is larger than {MAX_BYTES // 1024 // 1024} MB. {_ADVICE}")


def is_xlsx(file: BinaryIO) -> bool:
    """Also rewind the file."""
    file.seek(0)
    packed = file.read(2) == b"PK"
    file.seek(0)
    return packed


def escape_formula(text: str) -> str:
    """Prefix formulas with an apostrophe."""
    return f"'{text}" if _STARTS_FORMULA.match(text) else text


def unescape_formula(text: str) -> str:
    return text[1:] if text.startswith("'") and _STARTS_FORMULA.match(text) else text


def _within_limits(records: Iterator[list[str]]) -> Iterator[list[str]]:
    filled = length = count = 0
    for cells in records:
        filled += any(map(str.strip, cells))
        if filled > MAX_ROWS + 1:
            raise FileRefused(f"The file has more than {MAX_ROWS:,} rows. {_ADVICE}")
        count += len(cells)
        if count > MAX_CELLS:
            raise FileRefused(f"The file has more than {MAX_CELLS:,} cells. {_ADVICE}")
        length += sum(map(len, cells))
        if length > MAX_TEXT_LENGTH:
            raise FileRefused(f"The file contains more than {MAX_TEXT_LENGTH:,} characters. {_ADVICE}")
        yield cells


def _rows(records: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    for number, cells in enumerate(records, start=1):
        if not any(map(str.strip, cells)):
            continue
        if len(cells) > MAX_COLUMNS:
            raise FileRefused(f"Row {number} has more than {MAX_COLUMNS} columns.")
        if any(len(cell) > MAX_CELL_LENGTH for cell in cells):
            raise FileRefused(f"Row {number} has a cell of more than {MAX_CELL_LENGTH} characters.")
        yield number, [unescape_formula(cell) for cell in cells]


def _padded(rows: Iterator[tuple[int, list[str]]], width: int) -> Iterator[tuple[int, list[str]]]:
    for number, cells in rows:
        if any(cell.strip() for cell in cells[width:]):
            raise FileRefused(f"Row {number} has a value in a column without a heading.")
        yield number, cells[:width] + [""] * (width - len(cells))
