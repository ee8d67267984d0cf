import json
import os
import textwrap
from collections.abc import Iterable
from typing import Any

_WIDTH = 100
_SECRET = frozenset({"password", "client_secret"})


class Narrator:
    """Print nothing, for tests."""

    def chapter(self, title: str, text: str) -> None:
        """Begin a part."""

    def call(self, method: str, address: str, body: dict[str, Any] | None, status: int, seconds: float) -> None:
        """Report a request."""

    def shown(self, lines: Iterable[str]) -> None:
        """Show the last reply."""

    def held(self, promise: str) -> None:
        """Report a passed check."""


class TerminalNarrator(Narrator):
    """Write to a Django command's ``stdout``, in colour on a terminal."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._colours = stream.isatty() and "NO_COLOR" not in os.environ
        unicode = "utf" in (getattr(stream, "encoding", "") or "").lower()
        self._check, self._rule = ("✓", "─") if unicode else ("ok", "-")
        self._chapters = 0

    def chapter(self, title: str, text: str) -> None:
        self._chapters += 1
        heading = f"{self._rule * 2} {self._chapters}. {title} "
        self._line()
        self._line(self._in("1;36", heading + self._rule * (_WIDTH - len(heading))))
        for line in textwrap.wrap(text, _WIDTH - 3):
            self._line("   " + self._in("3", line))
        self._line()

    def call(self, method: str, address: str, body: dict[str, Any] | None, status: int, seconds: float) -> None:
        colour = "32" if status < 400 else "33"
        request = f"{self._in('1', f'{method:<6}')} {address}"
        gap = " " * max(2, _WIDTH - 22 - len(address))
        self._line(f"   {request}{gap}{self._in(colour, str(status))}{self._in('2', f'{seconds * 1000:6.0f} ms')}")
        if body:
            shown = {name: "…" if name in _SECRET else value for name, value in body.items()}
            text = json.dumps(shown, ensure_ascii=False)
            self._line("          " + self._in("2", text if len(text) < _WIDTH - 10 else f"{text[: _WIDTH - 12]} …"))

    def shown(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._line(self._in("2", "          " + line))

    def held(self, promise: str) -> None:
        self._line(f"   {self._in('32', self._check)} {promise}")

    def _in(self, code: str, text: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self._colours else text

    def _line(self, text: str = "") -> None:
        self._stream.write(text)
        # Pipes are watched live, too.
        self._stream.flush()
