"""A request of the collection: an operation of the API with a body, and what is checked and kept of its reply."""

from dataclasses import dataclass, field
from typing import Any, Literal

Who = Literal["nobody", "customer", "staff", "guest", "buyer"]


@dataclass(frozen=True)
class Step:
    """``operation`` is an operation id; texts may name variables: ``{{order}}``.

    ``save`` and ``checks`` are JavaScript over the reply's ``json``. A step is sent again until ``until`` holds.
    """

    operation: str
    title: str
    who: Who = "nobody"
    path: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    status: tuple[int, ...] = (200,)
    save: dict[str, str] = field(default_factory=dict)
    checks: tuple[str, ...] = ()
    until: str = ""


@dataclass(frozen=True)
class Elsewhere(Step):
    """A request that is none of the API: ``address`` is its URL, ``form`` its body."""

    method: str = "GET"
    address: str = ""
    form: dict[str, str] = field(default_factory=dict)
    # JavaScript over the reply's `text`.
    script: tuple[str, ...] = ()


@dataclass(frozen=True)
class Folder:
    name: str
    text: str
    steps: tuple[Step, ...]
