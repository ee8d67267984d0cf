"""Checks for ``manage.py audit``, in each app's ``invariants.py``."""

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import NamedTuple

from django.utils.module_loading import autodiscover_modules

from shop.db.transactions import snapshot

Check = Callable[[], Iterator[str]]


class Invariant(NamedTuple):
    """``check`` yields a sentence per violation."""

    statement: str
    check: Check

    def violations(self) -> list[str]:
        """Check a snapshot, so that concurrent writes are no violation."""
        with snapshot():
            return list(self.check())


_invariants: list[Invariant] = []


def invariant(statement: str) -> Callable[[Check], Check]:
    def register(check: Check) -> Check:
        _invariants.append(Invariant(statement, check))
        return check

    return register


def all_invariants() -> list[Invariant]:
    import_module("shop.audit.invariants")
    autodiscover_modules("invariants")
    return list(_invariants)


def violations() -> list[str]:
    return [f"{each.statement}: {violation}" for each in all_invariants() for violation in each.violations()]
