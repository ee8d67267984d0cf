from datetime import timedelta
from unittest.mock import patch

from django.utils import timezone

from shop import jobs
from shop.jobs import Job, PeriodicTask, periodic


def run_due_tasks(*, slices: int = 10_000) -> int:
    """Run slices of the tasks that are due; return their number."""
    return next((ran for ran in range(slices) if not jobs.run_next_task()), slices)


def run_task(name: str, *, slices: int = 10_000) -> int:
    """Let the worker run this task, now, and no other; return the number of slices."""
    PeriodicTask.objects.update_or_create(name=name, defaults={"due_at": timezone.now()})
    registered = periodic._tasks  # noqa: SLF001
    with patch.object(periodic, "_tasks", {name: registered[name]}):
        return run_due_tasks(slices=slices)


def due_again() -> None:
    Job.objects.update(run_at=timezone.now() - timedelta(milliseconds=1))
