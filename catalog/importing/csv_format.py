import codecs
import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any, BinaryIO

from catalog.importing.errors import FileRefused

DELIMITERS = (",", ";", "\t")
_BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_SAMPLE_LENGTH = 100_000
MAX_ROW_LENGTH = 1_000_000


def records(file: BinaryIO, *, encoding: str) -> tuple[Iterator[list[str]], bool]:
    """Return rows, and whether numbers have a decimal comma. Raises :class:`FileRefused`, also while iterating."""
    beginning = file.read(4)
    file.seek(0)
    for mark, marked in _BYTE_ORDER_MARKS.items():
        if beginning.startswith(mark):
            encoding = marked
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    try:
        first, second, *_ = [*text.read(_SAMPLE_LENGTH).splitlines()[:2], "", ""]
    except UnicodeError as error:
        raise _wrong_encoding(encoding, row=1) from error
    text.seek(0)
    if first.lower().startswith("sep="):
        # Excel's delimiter line.
        text.readline()
        first = second
    delimiter = max(DELIMITERS, key=lambda each: _fitness(first, each))
    return _rows(text, delimiter=delimiter, encoding=encoding), delimiter != ","


class Writer:
    def __init__(self, file: IO[bytes], *, byte_order_mark: bool = True) -> None:
        """Excel needs a byte order mark for UTF-8."""
        self._file = file
        if byte_order_mark:
            file.write(codecs.BOM_UTF8)

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        self._file.write(encoded(rows))

    def finish(self) -> None:
        self._file.flush()


def encoded(rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _rows(text: io.TextIOWrapper, *, delimiter: str, encoding: str) -> Iterator[list[str]]:
    lines = _Lines(text)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    row = 0
    try:
        for row, cells in enumerate(reader, start=1):
            yield cells
            lines.begin_row(row + 1)
    except csv.Error as error:
        raise FileRefused(f"Row {row + 1} is not valid CSV. Check its quotation marks ({error}).") from error
    except UnicodeError as error:
        raise _wrong_encoding(encoding, row=row + 1) from error
    finally:
        # The caller closes the file.
        if not text.closed:
            text.detach()


class _Lines:
    """Lines, with a limit on the length of rows, which the csv module lacks."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self.begin_row(1)

    def begin_row(self, number: int) -> None:
        self._row, self._left = number, MAX_ROW_LENGTH

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._text.readline(self._left + 1)
        if not line:
            raise StopIteration
        self._left -= len(line)
        if self._left < 0:
            raise FileRefused(f"Row {self._row} has more than {MAX_ROW_LENGTH} characters.")
        return line


def _fitness(heading: str, delimiter: str) -> tuple[bool, int]:
    try:
        names = next(csv.reader([heading], delimiter=delimiter), [])
    except csv.Error:
        names = []
    return "sku" in (name.strip().lower() for name in names), len(names)


def _wrong_encoding(encoding: str, *, row: int) -> FileRefused:
    if encoding == "cp1252":
        return FileRefused(f"The file is not in Windows-1252 either (near row {row}). Save it as “CSV UTF-8” or XLSX.")
    return FileRefused(
        f"The file is not in UTF-8 (near row {row}). Save it as “CSV UTF-8” or XLSX, or choose Windows-1252 if Excel "
        "in Western Europe saved it."
    )
