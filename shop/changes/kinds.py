"""Kinds of objects and types of changes, which the apps register."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Show = Callable[[str, str], dict[str, Any] | None]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """``events`` describes the types of changes, by the part behind the dot.

    ``show`` returns the object as the API shows it to staff, by its id and that of its parent; None if it is gone.
    ``path`` is its address in the API, with ``{id}`` and ``{parent}``.
    """

    name: str
    # Of staff who may see the object.
    permission: str
    events: Mapping[str, str]
    show: Show
    path: str = ""

    def path_of(self, object_id: str, parent: str) -> str | None:
        return f"/api/v1/{self.path.format(id=object_id, parent=parent)}" if self.path else None


_kinds: dict[str, Kind] = {}
_types: dict[str, str] = {}


def register(kind: Kind) -> None:
    _kinds[kind.name] = kind
    _types.update({f"{kind.name}.{event}": text for event, text in kind.events.items()})


def kinds() -> dict[str, Kind]:
    return _kinds


def types() -> dict[str, str]:
    """Return the descriptions of all types, such as ``order.paid``."""
    return _types


def kind_of(change_type: str) -> Kind:
    """Raises ``KeyError``."""
    return _kinds[change_type.partition(".")[0]]
