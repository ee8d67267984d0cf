import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import IO, BinaryIO, cast

import openpyxl
import structlog
from openpyxl.cell.cell import ERROR_CODES, TYPE_STRING, Cell, WriteOnlyCell

from catalog.importing import xlsx_reader
from catalog.importing.errors import FileRefused
from catalog.importing.xlsx_reader import TOO_LARGE, Limits

logger = structlog.get_logger(__name__)

READER = xlsx_reader.__file__

MAX_UNPACKED_BYTES = 100 * 1024 * 1024
MAX_ARCHIVE_MEMBERS = 1000
# Including empty rows.
MAX_SHEET_ROWS = 200_000
MAX_ROW_LENGTH = 1_000_000
MAX_MEMORY_BYTES = 400 * 1024 * 1024
# Ordinary files take about 5 s per packed megabyte.
MIN_CPU_SECONDS = 5
CPU_SECONDS_PER_MB = 12
MAX_CPU_SECONDS = 40
# Limit of the elapsed time, as a multiple of the CPU time.
WALL_FACTOR = 8

# Escaped as _x000B_ (ECMA-376, ST_Xstring), also underscores of texts that look like it.
_TO_ESCAPE = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


def records(file: BinaryIO, *, max_columns: int, max_cells: int) -> Iterator[list[str]]:
    """Yield the rows of the first sheet, parsed in a subprocess. Raises :class:`FileRefused` while iterating."""
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(file, copy)
        size = copy.tell()
        copy.seek(0)
        # By packed size, so that zip bombs get little time.
        seconds = min(MAX_CPU_SECONDS, MIN_CPU_SECONDS + CPU_SECONDS_PER_MB * size // 1024**2)
        limits = Limits(
            cpu_seconds=seconds,
            memory_bytes=MAX_MEMORY_BYTES,
            unpacked_bytes=MAX_UNPACKED_BYTES,
            archive_members=MAX_ARCHIVE_MEMBERS,
            sheet_rows=MAX_SHEET_ROWS,
            columns=max_columns,
            cells=max_cells,
            row_length=MAX_ROW_LENGTH,
        )
        # Isolated, because the environment contains secrets.
        command = [sys.executable, "-I", str(READER), json.dumps(limits._asdict())]
        with subprocess.Popen(  # noqa: S603
            command, stdin=copy, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, cwd="/"
        ) as process:
            # The CPU limit does not stop a process that waits.
            timer = threading.Timer(WALL_FACTOR * seconds, process.kill)
            timer.start()
            try:
                yield from _rows_from(process)
            finally:
                timer.cancel()
                process.kill()


def _rows_from(process: subprocess.Popen[bytes]) -> Iterator[list[str]]:
    output = cast("IO[bytes]", process.stdout)
    # JSON escapes a character with up to twelve.
    while line := output.readline(16 * MAX_ROW_LENGTH):
        try:
            value = json.loads(line)
        except ValueError:
            # Killed while writing.
            break
        if isinstance(value, list):
            yield value
        elif "refused" in value:
            raise FileRefused(value["refused"])
        else:
            return
    process.kill()
    logger.warning("xlsx_reader_ended_early", returncode=process.wait())
    raise FileRefused(TOO_LARGE)


class Writer:
    """Use as a context manager, which cleans up."""

    def __init__(self) -> None:
        self._workbook = openpyxl.Workbook(write_only=True)
        self._sheet = self._workbook.create_sheet("Products")
        self._saved = False

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        if not self._saved:
            # openpyxl removes its temporary file only on save.
            with tempfile.TemporaryFile() as discarded:
                self._save(discarded)

    def write(self, rows: Iterable[Sequence[str | int | Decimal]]) -> None:
        for row in rows:
            self._sheet.append([self._cell(cell) if isinstance(cell, str) else cell for cell in row])

    def _cell(self, text: str) -> str | Cell:
        if text not in ERROR_CODES:
            return _escaped(text)
        # openpyxl would convert it to a formula error.
        cell: Cell = WriteOnlyCell(self._sheet, text)
        cell.data_type = TYPE_STRING
        return cell

    def chunks(self, size: int = 64 * 1024) -> Iterator[bytes]:
        with tempfile.TemporaryFile() as file:
            self._save(file)
            file.seek(0)
            while chunk := file.read(size):
                yield chunk

    def _save(self, file: IO[bytes]) -> None:
        # Possible only once, even if it fails.
        self._saved = True
        self._workbook.save(file)


def _escaped(text: str) -> str:
    return _TO_ESCAPE.sub(lambda found: f"_x{ord(found[0]):04X}_", text)
