"""Transactional outbox and periodic tasks.

A job is written in the transaction that requires it and run by ``manage.py worker``. A lease lets it run again if its
worker is killed.
"""

import contextlib
import itertools
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import structlog
from django.db import IntegrityError, models
from django.db.models import F
from django.utils import timezone

from shop import logs
from shop.db import documents, transactions
from shop.db.deadline import clean_up_time
from shop.http import request_context

logger = structlog.get_logger(__name__)

LEASE = timedelta(seconds=60)
MAX_ATTEMPTS = 20
LONGEST_BACK_OFF = timedelta(hours=1)

Handler = Callable[..., None]


class Postpone(Exception):
    """Run the job again without counting this attempt."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"again in {seconds:g} s")
        self.seconds = seconds


class Job(models.Model):
    """``kind`` names the handler, ``payload`` its JSON arguments."""

    kind = models.CharField(max_length=60)
    payload = models.JSONField(default=dict)
    run_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveIntegerField(default=0)
    last_error = models.TextField(blank=True)
    # Added to log lines.
    request_id = models.CharField(max_length=64, blank=True)
    # Set after the last attempt.
    given_up_at = models.DateTimeField("failed at", null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["given_up_at", "run_at"], name="job_due")]

    def __str__(self) -> str:
        return f"{self.kind} {self.payload}"

    def claim(self) -> bool:
        """Return False if another worker has the job."""
        leased_until = _milliseconds(timezone.now() + LEASE)
        claimed = Job.objects.filter(pk=self.pk, run_at=self.run_at, given_up_at=None).update(
            run_at=leased_until, attempts=F("attempts") + 1
        )
        self.run_at, self.attempts = leased_until, self.attempts + 1
        return bool(claimed)


class JobKind:
    def __init__(self, name: str, function: Handler, *, in_transaction: bool) -> None:
        self.name, self.in_transaction = name, in_transaction
        self._function = function

    def __call__(self, **payload: Any) -> None:
        self._function(**payload)

    def enqueue(
        self, *, at_once: bool = False, unless_queued: bool = False, delay: timedelta | None = None, **payload: Any
    ) -> Job | None:
        """Call it in a transaction. ``at_once`` also runs the job after the commit.

        ``unless_queued`` skips a job that waits already; a running one may have read older data.
        """
        if unless_queued and Job.objects.filter(kind=self.name, payload=payload, given_up_at=None, attempts=0).exists():
            return None
        now = _milliseconds(timezone.now())
        row = Job(
            kind=self.name,
            payload=payload,
            run_at=now + (delay or timedelta(0)),
            created_at=now,
            request_id=request_context.current_request_id(),
        )
        documents.insert(row)
        if at_once:
            transactions.on_commit(lambda: run(row))
        return row


_kinds: dict[str, JobKind] = {}


def job(name: str, *, in_transaction: bool = False) -> Callable[[Handler], JobKind]:
    """Register a handler, which must be idempotent: the process can die before the row is deleted.

    ``in_transaction`` deletes the row in the transaction of a handler that only writes to the database. ``name`` is
    stored.
    """

    def register(function: Handler) -> JobKind:
        _kinds[name] = kind = JobKind(name, function, in_transaction=in_transaction)
        return kind

    return register


def run_due(*, limit: int = 50, seconds: float = 5.0) -> int:
    """Oldest first; return the number tried. Start none after ``seconds``."""
    give_up_at = time.monotonic() + seconds
    due = Job.objects.filter(given_up_at=None, run_at__lte=timezone.now()).order_by("run_at")[:limit]
    return sum(run(job) for job in itertools.takewhile(lambda _: time.monotonic() < give_up_at, due))


def run(job: Job) -> bool:
    """Return False if another worker has the job. Failures are retried."""
    if not job.claim():
        return False
    with request_context.bind_context(job.request_id, job=job.kind, job_id=str(job.pk)):
        _try(job)
    return True


def _try(job: Job) -> None:
    started = time.perf_counter()
    try:
        _work(job)
    except Postpone as postponed:
        later = _milliseconds(timezone.now() + timedelta(seconds=postponed.seconds))
        with clean_up_time():
            Job.objects.filter(pk=job.pk, run_at=job.run_at).update(run_at=later, attempts=F("attempts") - 1)
    except Exception as error:
        logger.warning("job_failed", attempt=job.attempts, error=logs.describe_error(error), exc_info=True)
        back_off = min(LONGEST_BACK_OFF, timedelta(seconds=2**job.attempts))
        given_up_at = timezone.now() if job.attempts >= MAX_ATTEMPTS else None
        with clean_up_time():
            Job.objects.filter(pk=job.pk, run_at=job.run_at).update(
                run_at=_milliseconds(timezone.now() + back_off),
                last_error=logs.redacted(repr(error.__cause__ or error))[:2000],
                given_up_at=given_up_at,
            )
    else:
        logger.info("job_done", attempt=job.attempts, ms=logs.ms_since(started))


def _work(job: Job) -> None:
    kind = _kinds[job.kind]
    if kind.in_transaction:
        _work_in_transaction(job, kind)
    else:
        kind(**job.payload)
        Job.objects.filter(pk=job.pk).delete()


@transactions.transactional("jobs.work")
def _work_in_transaction(job: Job, kind: JobKind) -> None:
    if Job.objects.filter(pk=job.pk, run_at=job.run_at).delete()[0]:
        kind(**job.payload)


# --- Periodic tasks ---------------------------------------------------------------------------------------------------


class PeriodicTask(models.Model):
    """A worker claims it by advancing ``due_at``."""

    name = models.CharField(max_length=60, primary_key=True)
    due_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class _Task(NamedTuple):
    every: timedelta
    function: Callable[[], Any]


_tasks: dict[str, _Task] = {}


def every(seconds: float, *, name: str) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    def register(function: Callable[[], Any]) -> Callable[[], Any]:
        _tasks[name] = _Task(timedelta(seconds=seconds), function)
        return function

    return register


def run_periodic() -> int:
    due_at = dict(PeriodicTask.objects.values_list("name", "due_at"))
    ran = 0
    for name, task in _tasks.items():
        now = _milliseconds(timezone.now())
        if name not in due_at:
            # Another worker may create it concurrently.
            with contextlib.suppress(IntegrityError):
                PeriodicTask(name=name, due_at=now).save(force_insert=True)
            due_at[name] = PeriodicTask.objects.get(pk=name).due_at
        if due_at[name] > now:
            continue
        if not PeriodicTask.objects.filter(pk=name, due_at=due_at[name]).update(due_at=now + task.every):
            continue
        with request_context.bind_context(task=name):
            try:
                task.function()
            except Exception:
                logger.exception("periodic_task_failed")
        ran += 1
    return ran


def _milliseconds(moment: datetime) -> datetime:
    """Truncate to MongoDB's precision, to equal the value read back."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
