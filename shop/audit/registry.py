from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar

from django.db import models
from django.utils.module_loading import autodiscover_modules

M = TypeVar("M", bound=models.Model)
R = TypeVar("R")


class Window(list[M]):
    """Read-only rows of a range of keys."""

    def __init__(self, rows: list[M]) -> None:
        super().__init__(rows)
        self._results: dict[Callable[..., Any], Any] = {}

    def once(self, read: Callable[["Window[M]"], R]) -> R:
        """Return ``read(self)``, which is called for the first check only."""
        if read not in self._results:
            self._results[read] = read(self)
        return self._results[read]


WholeCheck = Callable[[], Iterator[str]]
WindowCheck = Callable[[Window[M]], Iterator[str]]


@dataclass(frozen=True)
class Check:
    """``function`` yields a sentence per violation; it takes a window of ``model``, or nothing without a model."""

    statement: str
    function: Callable[..., Iterator[str]]
    model: type[models.Model] | None = None


_checks: list[Check] = []


def invariant(statement: str) -> Callable[[WholeCheck], WholeCheck]:
    """Register a check that reads little, or aggregates in the database. It reads from one snapshot."""

    def register(check: WholeCheck) -> WholeCheck:
        _checks.append(Check(statement, check))
        return check

    return register


def invariant_over(model: type[M], statement: str) -> Callable[[WindowCheck[M]], WindowCheck[M]]:
    """Register a check of a window of rows, which reads the rows that belong to them.

    Each window is read once for all checks, and with them from one snapshot, so that concurrent writes are no
    violation. Several checks may have one statement. The same violation is reported once.
    """

    def register(check: WindowCheck[M]) -> WindowCheck[M]:
        _checks.append(Check(statement, check, model))
        return check

    return register


def all_checks() -> list[Check]:
    for name in ("shop.audit.invariants", "shop.changes.invariants", "shop.webhooks.invariants"):
        import_module(name)
    autodiscover_modules("invariants")
    return list(_checks)
