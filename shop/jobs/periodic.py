"""Periodic tasks, which all workers share.

A long task works in slices, so that it neither delays others nor starts over when its worker is killed.
"""

import contextlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import structlog
from django.db import IntegrityError, models

from shop.http import request_context
from shop.jobs.timing import LEASE, back_off, now

logger = structlog.get_logger(__name__)

FIRST_RETRY = timedelta(seconds=5)
LONGEST_RETRY = timedelta(hours=1)
# After this many failures in a row the cursor is dropped, as it may be the cause.
MAX_FAILURES = 10

# A JSON value that a slice passes to the next; None at the start and the end.
Cursor = Any
Slice = Callable[[Cursor], Cursor]


class PeriodicTask(models.Model):
    """A worker leases it by advancing ``due_at``."""

    name = models.CharField(max_length=60, primary_key=True)
    due_at = models.DateTimeField()
    # Passed to the next slice.
    cursor = models.JSONField(null=True, blank=True)
    # In a row.
    failures = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.name

    def lease(self) -> bool:
        """Return False if another worker has the task."""
        leased_until = now() + LEASE
        leased = PeriodicTask.objects.filter(pk=self.pk, due_at=self.due_at).update(due_at=leased_until)
        self.due_at = leased_until
        return bool(leased)

    def release(self, *, due_at: datetime, cursor: Cursor, failures: int = 0) -> None:
        """Change nothing if the lease is lost."""
        PeriodicTask.objects.filter(pk=self.pk, due_at=self.due_at).update(
            due_at=due_at, cursor=cursor, failures=failures
        )


class _Task(NamedTuple):
    period: timedelta
    run: Slice


_tasks: dict[str, _Task] = {}


def every_in_slices(seconds: float, *, name: str) -> Callable[[Slice], Slice]:
    """Register a task that is called again, with the cursor that it returned, until it returns None.

    A call works until its ``TimeLimit`` is over. It can be repeated with the same cursor, by any worker.
    A cursor at which it fails again and again is dropped; the task starts over after its period.
    """

    def register(function: Slice) -> Slice:
        _tasks[name] = _Task(timedelta(seconds=seconds), function)
        return function

    return register


def run_next_task() -> bool:
    """Run a slice of the task that is due for the longest time; return False if none is due."""
    rows = {row.name: row for row in PeriodicTask.objects.all()}
    for name in _tasks.keys() - rows.keys():
        # Another worker may create it concurrently.
        with contextlib.suppress(IntegrityError):
            PeriodicTask(name=name, due_at=now()).save(force_insert=True)
        rows[name] = PeriodicTask.objects.get(pk=name)
    moment = now()
    due = [row for name, row in rows.items() if name in _tasks and row.due_at <= moment]
    return any(_run(row) for row in sorted(due, key=lambda row: row.due_at))


def _run(row: PeriodicTask) -> bool:
    """Return False if another worker has the task."""
    task, started_at = _tasks[row.name], now()
    if not row.lease():
        return False
    with request_context.bind_context(task=row.name):
        try:
            cursor = task.run(row.cursor)
        except Exception:
            logger.exception("periodic_task_failed")
            failures = row.failures + 1
            if row.cursor is not None and failures >= MAX_FAILURES:
                row.release(due_at=now() + task.period, cursor=None, failures=failures)
            else:
                pause = back_off(failures, first=FIRST_RETRY, longest=min(task.period, LONGEST_RETRY))
                row.release(due_at=now() + pause, cursor=row.cursor, failures=failures)
        else:
            # With a cursor it is due again, after those that became due during the slice.
            row.release(due_at=now() if cursor is not None else started_at + task.period, cursor=cursor)
    return True
