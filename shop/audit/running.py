"""Checks of one model share its rows, which are read in windows of keys, each from a snapshot of its own.

So memory does not grow with the shop, no snapshot gets too old, and a database error repeats one window.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import structlog
from django.db import DatabaseError, models
from pymongo.errors import PyMongoError

from shop import logs
from shop.audit.registry import Check, Window, all_checks
from shop.db import documents
from shop.db.transactions import snapshot

logger = structlog.get_logger(__name__)

WINDOW = 1_000
# Longer than an election of a primary.
PAUSES = (0.5, 2.0, 5.0, 10.0)
# Others are only counted.
KEPT = 10_000


class Result:
    """``unfinished`` has a sentence per error that ended a check."""

    def __init__(self, statement: str) -> None:
        self.statement = statement
        self.count = 0
        self._violations: dict[str, None] = {}
        self.unfinished: list[str] = []

    @property
    def violations(self) -> list[str]:
        """Return the first ``KEPT`` violations."""
        return list(self._violations)

    def add(self, violations: Iterable[str]) -> None:
        for violation in violations:
            if violation not in self._violations:
                self.count += 1
                if self.count <= KEPT:
                    self._violations[violation] = None

    def give_up(self, error: Exception) -> None:
        reason = f"not finished: {logs.describe_error(error.__cause__ or error)}"
        if reason not in self.unfinished:
            self.unfinished.append(reason)


def run(*, progress: Callable[[int, int], None] = lambda done, total: None, window: int = WINDOW) -> list[Result]:
    """Run all checks; return a result per statement. Raises a database error only if none could start.

    ``progress`` takes the numbers of rows done and of all rows.
    """
    checks = all_checks()
    results = {check.statement: Result(check.statement) for check in checks}
    by_model: defaultdict[type[models.Model] | None, list[Check]] = defaultdict(list)
    for check in checks:
        by_model[check.model].append(check)
    others = by_model.pop(None, [])
    total = sum(documents.collection_of(model)[0].estimated_document_count() for model in by_model if model)
    done = 0
    for check in others:
        _finish([check], None, results)
        progress(done, total)
    for model, of_model in by_model.items():
        for number in _walk(model, of_model, window, results):
            done += number
            progress(min(done, total), total)
    return list(results.values())


def _walk(model: Any, checks: Sequence[Check], size: int, results: Mapping[str, Result]) -> Iterator[int]:
    """Yield the number of rows of each window."""
    keys = _Keys(model, size)
    while checks and not keys.at_end:
        checks = _finish(checks, keys.read, results)
        yield keys.number
        keys.advance()


class _Keys:
    """Consecutive ranges of keys. The end of a range is kept, so that repeating a window leaves no row out."""

    def __init__(self, model: type[models.Model], size: int) -> None:
        self._model = model
        self._size = size
        self._range: dict[str, Any] = {}
        self._has_end = False
        self.at_end = False
        self.number = 0

    def read(self) -> Window:
        rows = {"$match": {"_id": self._range} if self._range else {}}, {"$sort": {"_id": 1}}
        limit = [] if self._has_end else [{"$limit": self._size}]
        window = Window(documents.views(self._model, [*rows, *limit]))
        if limit and len(window) == self._size:
            self._range["$lte"] = window[-1].pk
        self._has_end = True
        self.number = len(window)
        return window

    def advance(self) -> None:
        self.at_end = "$lte" not in self._range
        self._range = {"$gt": self._range.get("$lte")}
        self._has_end = False


def _finish(checks: Sequence[Check], read: Callable[[], Window] | None, results: Mapping[str, Result]) -> list[Check]:
    """Repeat checks after database errors; return those that finished."""
    finished: list[Check] = []
    pending = checks
    for pause in (*PAUSES, None):
        errors = _attempt(pending, read, results)
        finished += [check for check in pending if check not in errors]
        pending = []
        for check, error in errors.items():
            of_database = isinstance(error, DatabaseError | PyMongoError)
            if of_database and pause is not None:
                pending.append(check)
                continue
            if not of_database:
                logger.error("audit_check_failed", exc_info=error)
            results[check.statement].give_up(error)
        if not pending or pause is None:
            break
        time.sleep(pause)
    return finished


def _attempt(
    checks: Sequence[Check], read: Callable[[], Window] | None, results: Mapping[str, Result]
) -> dict[Check, Exception]:
    """Return the errors."""
    errors: dict[Check, Exception] = {}
    try:
        with snapshot():
            arguments = [] if read is None else [read()]
            for check in checks if all(arguments) else []:
                try:
                    violations = list(check.function(*arguments))
                except Exception as error:
                    errors[check] = error
                else:
                    results[check.statement].add(violations)
    except Exception as error:
        # The rows could not be read.
        return dict.fromkeys(checks, error)
    return errors
