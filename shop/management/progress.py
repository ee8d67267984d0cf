"""What a long command shows while it works: a line for each step, and something that moves when somebody watches."""

import contextlib
import itertools
import time
from collections.abc import Iterator
from typing import Any


class Progress:
    """Writes steps to ``stream`` (a Django command's ``stdout``); without a reader it goes on in silence."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._moves = stream.isatty()
        unicode = "utf" in (getattr(stream, "encoding", "") or "").lower()
        self._done, self._failed = ("✓", "✗") if unicode else ("ok", "failed:")
        self._spinner = itertools.cycle("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏" if unicode else "|/-\\")
        self._step: tuple[str, float] | None = None

    def line(self, text: str = "") -> None:
        self._write(("\r\033[K" if self._moves and self._step else "") + text + "\n")

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show that ``title`` is under way, then that it is done and how many seconds it took."""
        start = time.monotonic()
        self._step = (title, start)
        self.tick()
        try:
            yield
        except Exception:
            self._end(f"  {self._failed} {title}")
            raise
        except BaseException:
            self._end(f"  - {title}")
            raise
        self._end(f"  {self._done} {title:<60} {time.monotonic() - start:6.1f} s")

    def tick(self) -> None:
        """Move, if a step is under way and this is a terminal."""
        if self._moves and self._step:
            title, start = self._step
            self._write(f"\r\033[K  {next(self._spinner)} {title:<60} {time.monotonic() - start:6.1f} s")

    def _end(self, text: str) -> None:
        self.line(text)
        self._step = None

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._stream.write(text, ending="")
            self._stream.flush()
