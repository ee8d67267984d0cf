"""Counter of MongoDB commands.

    with count_commands() as commands:
        client.get("/api/v1/products/")
    assert commands.names == ["aggregate", "aggregate"]

Import this module first: earlier clients are not monitored.
"""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from django.db import connections
from pymongo import monitoring

# Sent by the driver, depending on time.
_HOUSEKEEPING = frozenset({"hello", "ping", "endSessions", "killCursors", "buildInfo", "serverStatus"})


class Command:
    """Name, collection ("" for the database) and text."""

    def __init__(self, name: str, document: dict[str, Any]) -> None:
        target = document.get(name)
        self.name = name
        self.collection = target if isinstance(target, str) else ""
        self.document = document

    def __repr__(self) -> str:
        details = self.document.get("pipeline") or self.document.get("filter") or self.document.get("updates") or ""
        return f"{self.name} {self.collection} {details}".strip()


class Commands(list[Command]):
    @property
    def names(self) -> list[str]:
        return [command.name for command in self]

    def on(self, collection: str) -> "Commands":
        return Commands(command for command in self if command.collection == collection)

    def __str__(self) -> str:
        return "\n".join(f"{number}. {command!r}" for number, command in enumerate(self, start=1))


class _Recorder(monitoring.CommandListener):
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: list[tuple[int | None, Commands]] = []

    @contextlib.contextmanager
    def recording(self, *, all_threads: bool) -> Iterator[Commands]:
        commands = Commands()
        entry = (None if all_threads else threading.get_ident(), commands)
        with self._lock:
            self._open.append(entry)
        try:
            yield commands
        finally:
            with self._lock:
                # By identity: two empty lists are equal.
                self._open = [each for each in self._open if each is not entry]

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if not self._open or event.command_name in _HOUSEKEEPING:
            return
        with self._lock:
            listening = [commands for thread, commands in self._open if thread in (None, threading.get_ident())]
        for commands in listening:
            commands.append(Command(event.command_name, dict(event.command)))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


_recorder = _Recorder()
monitoring.register(_recorder)


@contextlib.contextmanager
def count_commands(*, all_threads: bool = False) -> Iterator[Commands]:
    """Record the block's commands of this thread, or of all."""
    connection = connections["default"]
    connection.ensure_connection()
    if _recorder not in connection.connection.options.event_listeners:
        raise RuntimeError(
            "The database client was made before shop.dev.testing.commands was imported: import it earlier."
        )
    with _recorder.recording(all_threads=all_threads) as commands:
        yield commands
