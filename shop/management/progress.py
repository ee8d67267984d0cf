"""Progress bar on terminals, else lines."""

import contextlib
import itertools
import time
from typing import Any

_BAR_WIDTH = 24
_REDRAW_SECONDS = 0.1
_LINE_SECONDS = 10.0


class Progress:
    """Call it with the numbers of done and of all items, or without arguments if they are unknown."""

    def __init__(self, stream: Any, title: str, *, per_second: bool = False) -> None:
        self._stream = stream
        self._title = title
        self._per_second = per_second
        self._is_terminal = stream.isatty()
        unicode = "utf" in (getattr(stream, "encoding", "") or "").lower()
        self._full, self._empty, self._done, self._failed = (
            ("█", "░", "✓", "✗") if unicode else ("#", ".", "ok", "failed:")
        )
        self._spinner = itertools.cycle("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏" if unicode else "|/-\\")
        self._start = time.monotonic()
        self._next = self._start + (0 if self._is_terminal else _LINE_SECONDS)
        self._total = 0

    def __enter__(self) -> "Progress":
        return self

    def __call__(self, done: int = 0, total: int = 0) -> None:
        self._total = total
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + (_REDRAW_SECONDS if self._is_terminal else _LINE_SECONDS)
        if self._is_terminal and total:
            full = _BAR_WIDTH * done // total
            bar = self._full * full + self._empty * (_BAR_WIDTH - full)
            self._write(f"\r\033[K  {self._title:<22} {bar} {done:,}/{total:,}{self._rate(done)}")
        elif self._is_terminal:
            self._write(f"\r\033[K  {next(self._spinner)} {self._title:<60} {now - self._start:6.1f} s")
        elif total:
            self._write(f"  {self._title}: {done:,} of {total:,}{self._rate(done)}\n")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._is_terminal:
            self._write("\r\033[K")
        if kind is None:
            seconds = time.monotonic() - self._start
            self._write(f"  {self._done} {self._title:<60} {seconds:6.1f} s{self._rate(self._total)}\n")
        elif issubclass(kind, Exception):
            self._write(f"  {self._failed} {self._title}\n")
        else:
            self._write(f"  - {self._title}\n")

    def _rate(self, done: int) -> str:
        seconds = time.monotonic() - self._start
        return f"  {done / seconds:,.0f}/s" if self._per_second and seconds > 0.5 else ""

    def _write(self, text: str) -> None:
        write(self._stream, text)


def write(stream: Any, text: str) -> None:
    """Ignore a reader that has closed the stream."""
    with contextlib.suppress(OSError):
        stream.write(text, ending="")
        stream.flush()
