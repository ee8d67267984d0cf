"""A progress bar: it moves on a terminal; elsewhere it writes a line now and then."""

import time
from typing import Any

_WIDTH = 24
_REDRAW_SECONDS = 0.1
_LINE_SECONDS = 10.0


class Bar:
    """Shows how much of ``title`` is done, on ``stream`` (a Django command's ``stdout``); call it with the numbers."""

    def __init__(self, stream: Any, title: str, *, per_second: bool = False) -> None:
        self._stream = stream
        self._title = title
        self._per_second = per_second
        self._moves = stream.isatty()
        unicode = "utf" in (getattr(stream, "encoding", "") or "").lower()
        self._full, self._empty, self._ok = ("█", "░", "✓") if unicode else ("#", ".", "ok")
        self._start = time.monotonic()
        self._next = self._start + (0 if self._moves else _LINE_SECONDS)
        self._total = 0

    def __enter__(self) -> "Bar":
        return self

    def __call__(self, done: int, total: int) -> None:
        self._total = total
        now = time.monotonic()
        if now < self._next or not total:
            return
        self._next = now + (_REDRAW_SECONDS if self._moves else _LINE_SECONDS)
        if self._moves:
            full = _WIDTH * done // total
            bar = self._full * full + self._empty * (_WIDTH - full)
            self._write(f"\r\033[K  {self._title:<22} {bar} {done:,}/{total:,}{self._speed(done)}")
        else:
            self._write(f"  {self._title}: {done:,} of {total:,}{self._speed(done)}\n")

    def __exit__(self, kind: object, *_: object) -> None:
        if self._moves:
            self._write("\r\033[K")
        if kind is None:
            seconds = time.monotonic() - self._start
            self._write(f"  {self._ok} {self._title:<60} {seconds:6.1f} s{self._speed(self._total)}\n")

    def _speed(self, done: int) -> str:
        seconds = time.monotonic() - self._start
        return f"  {done / seconds:,.0f}/s" if self._per_second and seconds > 0.5 else ""

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text, ending="")
            self._stream.flush()
        except OSError:
            # Nobody reads any more; the work goes on.
            self._moves = False
