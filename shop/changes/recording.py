from collections.abc import Iterable
from typing import Any

from shop.changes.kinds import types
from shop.changes.models import PendingChanges
from shop.db import documents, transactions

# Limit of one document, and so of one numbering transaction.
MOST_TOGETHER = 200
# A change without a name of its own, which others of the object replace.
UPDATED = "updated"


class _Recorder:
    """The changes of a transaction: each object's types, in the order of their first calls."""

    def __init__(self) -> None:
        self._types: dict[tuple[str, str, str], dict[str, None]] = {}

    def add(self, change_type: str, object_id: str, parent: str) -> None:
        kind = change_type.partition(".")[0]
        self._types.setdefault((kind, object_id, parent), {})[change_type] = None

    def finish(self) -> None:
        """Write one document, or several of a bulk operation, with one command."""
        entries = []
        for (kind, object_id, parent), names in self._types.items():
            named = [name for name in names if name != f"{kind}.{UPDATED}"] or names
            entries += [[name, object_id, parent] for name in named]
        parts = [entries[start : start + MOST_TOGETHER] for start in range(0, len(entries), MOST_TOGETHER)]
        documents.insert(*(PendingChanges(entries=part) for part in parts))


def record(change_type: str, *object_ids: Any, parent: str = "") -> None:
    """Record a change of each object, within the transaction that makes it.

    A type that was recorded for an object before in the transaction is not repeated. Raises ``KeyError`` for an unknown
    type.
    """
    record_all(change_type, object_ids, parent=parent)


def record_all(change_type: str, object_ids: Iterable[Any], *, parent: str = "") -> None:
    if change_type not in types():
        raise KeyError(change_type)
    recorder = None
    for object_id in object_ids:
        recorder = recorder or transactions.collector(_Recorder)
        recorder.add(change_type, str(object_id), parent)
