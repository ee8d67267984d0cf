"""Transactional outbox and periodic tasks.

A job is written in the transaction that requires it and run by ``manage.py worker``. A lease lets it run again if its
worker is killed.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import structlog
from django.db import models
from django.db.models import F
from django.utils import timezone

from shop import logs, traces
from shop.db import documents, transactions
from shop.db.deadline import clean_up_time
from shop.http import request_context
from shop.jobs.outcomes import RUNS
from shop.jobs.periodic import Cursor, PeriodicTask, every_in_slices, run_next_task
from shop.jobs.timing import LEASE, TimeLimit, back_off, now

__all__ = [
    "Continue",
    "Cursor",
    "Job",
    "JobKind",
    "PeriodicTask",
    "Postpone",
    "TimeLimit",
    "every_in_slices",
    "job",
    "run",
    "run_due",
    "run_next_task",
]

logger = structlog.get_logger(__name__)

MAX_ATTEMPTS = 20
FIRST_BACK_OFF = timedelta(seconds=2)
LONGEST_BACK_OFF = timedelta(hours=1)
# Share of the time of `run_due` for urgent jobs.
URGENT_SHARE = 0.75

Handler = Callable[..., None]


class Postpone(Exception):
    """Run the job again without counting this attempt."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"again in {seconds:g} s")
        self.seconds = seconds


class Continue(Exception):
    """Run the job again with this payload, after the jobs that are due. Progress, so its attempts start over.

    A handler in a transaction keeps what it wrote.
    """

    def __init__(self, **payload: Any) -> None:
        super().__init__("continues")
        self.changes = {"payload": payload, "digest": "", "run_at": now(), "attempts": 0, "last_error": ""}


class Job(models.Model):
    """``kind`` names the handler, ``payload`` its JSON arguments."""

    kind = models.CharField(max_length=60)
    payload = models.JSONField(default=dict)
    # Digest of the job as it was enqueued; empty for rows of older releases.
    digest = models.CharField(max_length=32, blank=True)
    run_at = models.DateTimeField(default=timezone.now)
    # Missing in rows of older releases.
    urgent = models.BooleanField(default=False)
    attempts = models.PositiveIntegerField(default=0)
    last_error = models.TextField(blank=True)
    # Added to log lines.
    request_id = models.CharField(max_length=64, blank=True)
    # Set after the last attempt.
    given_up_at = models.DateTimeField("failed at", null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            models.Index(fields=["given_up_at", "urgent", "run_at"], name="job_turn"),
            models.Index(fields=["kind"], name="job_kind"),
            models.Index(fields=["digest"], condition=models.Q(attempts=0), name="job_untried"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.payload}"

    def lease(self) -> bool:
        """Return False if another worker has the job."""
        leased_until = now() + LEASE
        unleased = {"_id": self.pk, "run_at": self.run_at, "given_up_at": None}
        leased = documents.update_one(Job, unleased, {"$set": {"run_at": leased_until}, "$inc": {"attempts": 1}})
        self.run_at, self.attempts = leased_until, self.attempts + 1
        return leased


class JobKind:
    def __init__(self, name: str, function: Handler, *, in_transaction: bool, urgent: bool) -> None:
        self.name, self.in_transaction, self.urgent = name, in_transaction, urgent
        self._function = function

    def __call__(self, **payload: Any) -> None:
        if not self.in_transaction:
            self._function(**payload)
        elif (more := self._call_in_transaction(payload)) is not None:
            raise more

    @transactions.transactional("jobs.call")
    def _call_in_transaction(self, payload: Mapping[str, Any]) -> Continue | None:
        """Keep what was written if the job continues."""
        try:
            self._function(**payload)
        except Continue as more:
            return more
        return None

    def enqueue(
        self, *, at_once: bool = False, unless_queued: bool = False, delay: timedelta | None = None, **payload: Any
    ) -> Job | None:
        """Call it in a transaction. ``at_once`` also runs the job after the commit.

        ``unless_queued`` skips a job that waits already; a running one may have read older data.
        """
        row = self.job(payload, delay=delay)
        if unless_queued and Job.objects.filter(digest=row.digest, attempts=0).exists():
            return None
        documents.insert(row)
        if at_once:
            transactions.on_commit(lambda: run(row))
        return row

    def job(self, payload: Mapping[str, Any], *, delay: timedelta | None = None, urgent: bool | None = None) -> Job:
        """Return an unsaved job. ``urgent`` replaces that of the kind."""
        enqueued_at = now()
        return Job(
            kind=self.name,
            payload=payload,
            digest=_digest(self.name, payload),
            run_at=enqueued_at + (delay or timedelta(0)),
            urgent=self.urgent if urgent is None else urgent,
            created_at=enqueued_at,
            request_id=request_context.current_request_id(),
        )


def _digest(kind: str, payload: Mapping[str, Any]) -> str:
    return hashlib.blake2b(json.dumps([kind, payload], sort_keys=True).encode(), digest_size=16).hexdigest()


_kinds: dict[str, JobKind] = {}


def job(name: str, *, in_transaction: bool = False, urgent: bool = False) -> Callable[[Handler], JobKind]:
    """Register a handler, which must be idempotent: the process can die before the row is deleted.

    ``in_transaction`` deletes the row in the transaction of a handler that only writes to the database. ``urgent`` jobs
    run before others: a person waits for them, or money can be lost. ``name`` is stored.
    """

    def register(function: Handler) -> JobKind:
        _kinds[name] = kind = JobKind(name, function, in_transaction=in_transaction, urgent=urgent)
        return kind

    return register


def run_due(*, limit: int = 50, seconds: float | None = None) -> int:
    """Run urgent jobs, then others, each oldest first, for a slice of time; return the number tried.

    At least one of the others runs, however many urgent jobs wait. ``limit`` is the most that is read at once.
    """
    whole, share = TimeLimit(seconds), TimeLimit(seconds, share=URGENT_SHARE)
    tried = sum(map(run, share.limit(_due_urgent(limit))))
    return tried + sum(map(run, whole.limit(_due(limit, urgent=False))))


def _due_urgent(limit: int) -> Iterator[Job]:
    """Include those that urgent jobs enqueue, such as the mail of a password reset."""
    while due := _due(limit, urgent=True):
        yield from due


def _due(limit: int, *, urgent: bool) -> list[Job]:
    # The ORM would also ask for rows without `given_up_at`, for which MongoDB reads all jobs.
    match = {
        "given_up_at": None,
        "urgent": True if urgent else {"$in": [False, None]},
        "run_at": {"$lte": timezone.now()},
    }
    rows = documents.aggregate(Job, [{"$match": match}, {"$sort": {"run_at": 1}}, {"$limit": limit}])
    return [documents.instance(Job, row) for row in rows]


def run(job: Job) -> bool:
    """Return False if another worker has the job. Failures are retried."""
    if not job.lease():
        return False
    with request_context.bind_context(job.request_id, job=job.kind, job_id=str(job.pk)), traces.span(job.kind):
        _try(job)
    return True


def _try(job: Job) -> None:
    started = time.perf_counter()
    try:
        _work(job)
    except Postpone as postponed:
        later = now() + timedelta(seconds=postponed.seconds)
        with clean_up_time():
            Job.objects.filter(pk=job.pk, run_at=job.run_at).update(run_at=later, attempts=F("attempts") - 1)
    except Continue as more:
        with clean_up_time():
            Job.objects.filter(pk=job.pk, run_at=job.run_at).update(**more.changes)
    except Exception as error:
        RUNS.labels(job.kind, "failed").inc()
        logger.warning("job_failed", attempt=job.attempts, error=logs.describe_error(error), exc_info=True)
        pause = back_off(job.attempts, first=FIRST_BACK_OFF, longest=LONGEST_BACK_OFF)
        given_up_at = timezone.now() if job.attempts >= MAX_ATTEMPTS else None
        with clean_up_time():
            Job.objects.filter(pk=job.pk, run_at=job.run_at).update(
                run_at=now() + pause,
                last_error=logs.redacted(repr(error.__cause__ or error))[:2000],
                given_up_at=given_up_at,
            )
    else:
        RUNS.labels(job.kind, "done").inc()
        logger.info("job_done", attempt=job.attempts, ms=logs.ms_since(started))


def _work(job: Job) -> None:
    kind = _kinds[job.kind]
    if kind.in_transaction:
        _work_in_transaction(job, kind)
    else:
        kind(**job.payload)
        documents.delete_many(Job, {"_id": job.pk})


@transactions.transactional("jobs.work")
def _work_in_transaction(job: Job, kind: JobKind) -> None:
    if not Job.objects.filter(pk=job.pk, run_at=job.run_at).delete()[0]:
        return
    try:
        kind(**job.payload)
    except Continue as more:
        documents.insert(
            Job(
                pk=job.pk,
                kind=job.kind,
                urgent=job.urgent,
                request_id=job.request_id,
                created_at=job.created_at,
                **more.changes,
            )
        )
