"""Checks for ``manage.py audit``, in each app's ``invariants.py``."""

from shop.audit.registry import Window, invariant, invariant_over
from shop.audit.running import KEPT, Result, run

__all__ = ["KEPT", "Result", "Window", "invariant", "invariant_over", "run", "violations"]


def violations() -> list[str]:
    """Return a sentence per violation, and per check that could not be finished."""
    return [f"{result.statement}: {text}" for result in run() for text in (*result.violations, *result.unfinished)]
