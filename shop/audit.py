"""The shop's fsck: every room states what must always be true, ``manage.py audit`` looks whether it is."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from django.utils.module_loading import autodiscover_modules

from shop.transactions import snapshot

Check = Callable[[], Iterator[str]]


class Invariant(NamedTuple):
    """``check`` yields one sentence for every place where ``statement`` does not hold."""

    statement: str
    check: Check

    def complaints(self) -> list[str]:
        """Check the whole database as it is at one moment: a shop that sells meanwhile gives no false alarm."""
        with snapshot():
            return list(self.check())


_invariants: list[Invariant] = []


def invariant(statement: str) -> Callable[[Check], Check]:
    """Register the decorated generator of complaints under the statement that it checks."""

    def register(check: Check) -> Check:
        _invariants.append(Invariant(statement, check))
        return check

    return register


def invariants() -> list[Invariant]:
    """Return all that is checked; every app's ``invariants.py`` is found by itself."""
    autodiscover_modules("invariants")
    return list(_invariants)


def complaints() -> list[str]:
    """Check everything; return what does not hold, empty for a sound shop."""
    return [f"{each.statement}: {complaint}" for each in invariants() for complaint in each.complaints()]
