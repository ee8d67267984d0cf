"""Invariant checks. Each app registers its own in ``invariants.py``; ``manage.py audit`` runs them all."""

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import NamedTuple

from django.utils.module_loading import autodiscover_modules

from shop.db.transactions import snapshot

Check = Callable[[], Iterator[str]]


class Invariant(NamedTuple):
    """A named check; ``check`` yields one sentence per violation of ``statement``."""

    statement: str
    check: Check

    def complaints(self) -> list[str]:
        """Run the check on a snapshot, so that concurrent writes cause no false alarm."""
        with snapshot():
            return list(self.check())


_invariants: list[Invariant] = []


def invariant(statement: str) -> Callable[[Check], Check]:
    """Register the decorated generator of violations of ``statement``."""

    def register(check: Check) -> Check:
        _invariants.append(Invariant(statement, check))
        return check

    return register


def all_invariants() -> list[Invariant]:
    """Return all invariants; discovers every app's ``invariants.py``."""
    import_module("shop.audit.invariants")
    autodiscover_modules("invariants")
    return list(_invariants)


def complaints() -> list[str]:
    return [f"{each.statement}: {complaint}" for each in all_invariants() for complaint in each.complaints()]
