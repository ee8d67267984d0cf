import json
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import IO, BinaryIO, cast

import structlog

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


def records(file: BinaryIO, *, max_columns: int, max_cells: int | None) -> Iterator[list[str]]:
    """Yield the rows of the first sheet, parsed in a subprocess with limited memory.

    Without ``max_cells`` neither size nor time is limited. Raises :class:`FileRefused` while iterating.
    """
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(file, copy)
        size = copy.tell()
        copy.seek(0)
        is_limited = max_cells is not None
        # By packed size, so that zip bombs get little time.
        seconds = min(MAX_CPU_SECONDS, MIN_CPU_SECONDS + CPU_SECONDS_PER_MB * size // 1024**2)
        limits = Limits(
            cpu_seconds=seconds if is_limited else None,
            memory_bytes=MAX_MEMORY_BYTES,
            unpacked_bytes=MAX_UNPACKED_BYTES if is_limited else None,
            archive_members=MAX_ARCHIVE_MEMBERS,
            sheet_rows=MAX_SHEET_ROWS if is_limited else None,
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
            if is_limited:
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
