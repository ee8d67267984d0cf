"""Exports as files that an upload accepts."""

import tempfile
import time
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Literal, NamedTuple, cast

from catalog.importing import csv_format, xlsx_writer
from catalog.importing.export import Cell, Export
from catalog.importing.formats import MAX_BYTES, MAX_CELLS, MAX_ROWS

Kind = Literal["csv", "xlsx"]

PIECE_BYTES = 64 * 1024


class PartLimits(NamedTuple):
    rows: int
    cells: int
    # As CSV.
    size: int


LIMITS: dict[Kind, PartLimits] = {
    "csv": PartLimits(MAX_ROWS, MAX_CELLS, MAX_BYTES - PIECE_BYTES),
    # Whatever the texts, an upload of this size is unpacked and read within its limits.
    "xlsx": PartLimits(MAX_ROWS, 300_000, 8 * 1024 * 1024),
}


class Part(NamedTuple):
    file: IO[bytes]
    is_last: bool


def split(export: Export, kind: Kind) -> Iterator[Part | None]:
    """Yield files of whole products, which the caller closes, and None between reads.

    Raises :class:`TooManyColumns`.
    """
    yield from export.collect_headings()
    unfinished = _UnfinishedPart(export.headings, kind)
    try:
        for products in export.batches():
            for rows in products:
                if not unfinished.add(rows):
                    yield Part(unfinished.finish(), is_last=False)
                    unfinished = _UnfinishedPart(export.headings, kind)
                    unfinished.add(rows)
            yield None
        yield Part(unfinished.finish(), is_last=True)
    finally:
        unfinished.abandon()


class _UnfinishedPart:
    def __init__(self, headings: list[str], kind: Kind) -> None:
        self._limits = LIMITS[kind]
        self._file: IO[bytes] | None = tempfile.TemporaryFile()  # noqa: SIM115 (`abandon` or the caller closes it)
        self._writer = csv_format.Writer(self._file) if kind == "csv" else xlsx_writer.Writer(self._file)
        self._rows = self._cells = self._size = 0
        self.add([headings])

    def add(self, rows: Sequence[Sequence[Cell]]) -> bool:
        """Return False if the rows do not fit. The first product always does."""
        count = self._rows + len(rows)
        cells = self._cells + sum(map(len, rows))
        size = self._size + len(csv_format.encoded(rows))
        # The headings are a row too.
        if self._rows > 1 and (count - 1 > self._limits.rows or cells > self._limits.cells or size > self._limits.size):
            return False
        self._writer.write(rows)
        self._rows, self._cells, self._size = count, cells, size
        return True

    def finish(self) -> IO[bytes]:
        self._writer.finish()
        file, self._file = cast("IO[bytes]", self._file), None
        file.seek(0)
        return file

    def abandon(self) -> None:
        """Do nothing after :meth:`finish`."""
        if self._file:
            self._writer.finish()
            self._file.close()


def zipped(files: Iterable[tuple[str, IO[bytes]]]) -> Iterator[bytes]:
    """Yield a ZIP of files with these names, which are closed."""
    buffer = Buffer()
    with zipfile.ZipFile(cast("IO[bytes]", buffer), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in files:
            member = zipfile.ZipInfo(name, time.localtime()[:6])
            member.compress_type = zipfile.ZIP_STORED if name.endswith(".xlsx") else zipfile.ZIP_DEFLATED
            with file, archive.open(member, "w") as target:
                for piece in pieces(file):
                    target.write(piece)
                    yield buffer.pop()
    yield buffer.pop()


def pieces(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the content of a file, and close it."""
    with file:
        while piece := file.read(PIECE_BYTES):
            yield piece


class Buffer:
    """The part of a file that was not sent yet."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def __len__(self) -> int:
        return len(self._written)

    def flush(self) -> None:
        """Required by :mod:`zipfile`."""

    def pop(self) -> bytes:
        popped, self._written = bytes(self._written), bytearray()
        return popped
