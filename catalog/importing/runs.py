"""Imports. A cursor advances in the transaction of the changes: each step is applied once, even after a crash."""

import hashlib
import tempfile
import time
from collections.abc import Callable
from typing import BinaryIO, cast

from bson import ObjectId
from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError, IntegrityError
from django.db.models import QuerySet
from django.utils import timezone

from catalog.errors import DuplicateOptions, OutOfStock, StockBelowZero
from catalog.importing import planning, writing
from catalog.importing.errors import FileRefused, NotConfirmable, PreviewTooOld
from catalog.importing.formats import check_size, is_xlsx, open_table
from catalog.importing.models import ImportPart, ImportRun, ImportStep
from catalog.importing.planning import Tick
from shop import jobs
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.db.transactions import TransactionContention, transactional

State = ImportRun.State
CHECK, APPLY = "catalog.check_import", "catalog.apply_import"

# Transactions are short, because buyers of the same variants wait for them.
BATCH_SECONDS = 0.5
FIRST_STEPS = 20
# Smaller batches would hardly be shorter, because each has the same number of commands.
LEAST_STEPS = 10
STEPS_AT_ONCE = 100
ROWS_AT_ONCE = 200
# CSV files up to this size are checked in the request.
BYTES_AT_ONCE = 500 * 1024
_PART_BYTES = 4 * 1024 * 1024
# Longest run of a job, so that others get their turn.
_SLICE_SECONDS = 5.0

# Fields that a check sets.
_RESULTS = ("state", "problem", "plan", "steps", "rows", "new_rows", "changed_rows", "faults", "fault_count")
# Errors that only concurrent changes cause.
_REFUSALS = (DuplicateOptions, OutOfStock, StockBelowZero)
_CONFLICT_ERRORS = (IntegrityError, ObjectDoesNotExist, *_REFUSALS)
# MongoDB's TransactionExceededLifetimeLimitSeconds.
_EXCEEDED_LIFETIME = 290


# --- Upload and check -------------------------------------------------------------------------------------------------


@transactional("catalog.upload_import")
def upload(*, run: ImportRun, file: BinaryIO, size: int) -> ImportRun:
    """The worker checks large files. Raises :class:`FileRefused` if too large."""
    check_size(size)
    run.digest = digest_of(file)
    run.save(force_insert=True)
    for number, data in enumerate(iter(lambda: file.read(_PART_BYTES), b"")):
        ImportPart.objects.create(run=run, number=number, data=data)
    # Small XLSX files may unpack to large ones.
    at_once = size <= BYTES_AT_ONCE and not is_xlsx(file)
    check.enqueue(at_once=at_once, run=str(run.pk))
    return run


@jobs.job(CHECK)
def check(*, run: str) -> None:
    row = ImportRun.objects.filter(pk=run, state=State.CHECKING).first()
    if row is None:
        return
    try:
        with _file_of(row) as file:
            planning.build_plan(row, open_table(file, encoding=row.encoding))
    except FileRefused as refusal:
        row.state, row.problem = State.REFUSED, str(refusal)
    results = {name: getattr(row, name) for name in _RESULTS}
    if not ImportRun.objects.filter(pk=row.pk, state=State.CHECKING).update(**results, checked_at=timezone.now()):
        # Another worker finished first.
        planning.discard(row.plan)
        return
    ImportPart.objects.filter(run=row.pk).delete()


def digest_of(file: BinaryIO) -> str:
    """Return the SHA-256 of the file, and rewind it."""
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    file.seek(0)
    return digest


def _file_of(run: ImportRun) -> BinaryIO:
    file = tempfile.SpooledTemporaryFile(max_size=_PART_BYTES)  # noqa: SIM115 (the caller closes it)
    for data in ImportPart.objects.filter(run=run.pk).order_by("number").values_list("data", flat=True).iterator(1):
        file.write(data)
    file.seek(0)
    return cast("BinaryIO", file)


# --- Confirm or discard -----------------------------------------------------------------------------------------------


@transactional("catalog.confirm_import")
def confirm(*, run: ImportRun, actor: str) -> None:
    """Also start the import. Raises :class:`NotConfirmable`, :class:`PreviewTooOld`."""
    if error := confirmation_error(run):
        raise error
    now = timezone.now()
    confirmed = ImportRun.objects.filter(pk=run.pk, state=State.READY).update(
        state=State.APPLYING, confirmed_by=actor, confirmed_at=now
    )
    if not confirmed:
        raise NotConfirmable
    staff_log.record(Action.RUN, run)
    small = run.new_rows + run.changed_rows <= ROWS_AT_ONCE
    apply_as_job.enqueue(at_once=small, run=str(run.pk))


def confirmation_error(run: ImportRun) -> NotConfirmable | PreviewTooOld | None:
    if run.state != State.READY:
        return NotConfirmable()
    return PreviewTooOld() if run.is_stale else None


@transactional("catalog.discard_import")
def discard(*, run: ImportRun) -> None:
    """Raises :class:`NotConfirmable` if it was confirmed."""
    if not ImportRun.objects.filter(pk=run.pk, state__in=ImportRun.DISCARDABLE).update(state=State.DISCARDED):
        raise NotConfirmable
    staff_log.record(Action.CHANGE, run, fields=["state"])
    planning.discard(run.plan)
    ImportPart.objects.filter(run=run.pk).delete()


@transactional("catalog.start_import")
def start_without_preview(*, run: ImportRun) -> None:
    """Save a run with a plan, which the worker applies if the caller crashes."""
    run.state = State.APPLYING
    run.checked_at = run.confirmed_at = timezone.now()
    run.save(force_insert=True)
    apply_as_job.enqueue(delay=jobs.LEASE, run=str(run.pk))


def extend_lease(run: ImportRun) -> None:
    """Prevent the worker from taking over."""
    _jobs_of(run.pk).update(run_at=timezone.now() + jobs.LEASE)


def find_unfinished(digest: str) -> ImportRun | None:
    return ImportRun.objects.filter(digest=digest, state=State.APPLYING).first()


def last_error(run: ImportRun) -> str:
    job = jobs.Job.objects.filter(kind__in=[CHECK, APPLY], payload={"run": str(run.pk)}).first()
    return job.last_error if job else ""


# --- Apply ------------------------------------------------------------------------------------------------------------


@jobs.job(APPLY)
def apply_as_job(*, run: str) -> None:
    yield_at = time.monotonic() + _SLICE_SECONDS
    if not apply(run_id=ObjectId(run), until=lambda: time.monotonic() > yield_at):
        raise jobs.Postpone(0)


def apply(
    *, run_id: ObjectId, until: Callable[[], bool] = lambda: False, tick: Tick = lambda done, total: None
) -> bool:
    """Return False if ``until`` returned true before the end. Safe to run concurrently."""
    steps = FIRST_STEPS
    while True:
        began = time.monotonic()
        try:
            run = _apply_batch(run_id=run_id, steps=steps)
        except _CONFLICT_ERRORS:
            run = _apply_one_or_skip(run_id)
        except (TransactionContention, DatabaseError) as error:
            # Too many write conflicts, or a slow database: use smaller batches.
            if steps == 1 or not _is_too_long(error):
                raise
            steps = max(1, steps // 10)
            continue
        fitting = int(steps * BATCH_SECONDS / (time.monotonic() - began))
        steps = min(max(fitting, LEAST_STEPS), 2 * steps, STEPS_AT_ONCE)
        tick(run.applied, run.steps)
        if run.state != State.APPLYING:
            return True
        if until():
            return False


def _is_too_long(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, TransactionContention) or getattr(error, "code", None) == _EXCEEDED_LIFETIME:
            return True
        error = error.__cause__
    return False


def _apply_one_or_skip(run_id: ObjectId) -> ImportRun:
    try:
        return _apply_batch(run_id=run_id, steps=1)
    except _CONFLICT_ERRORS as refusal:
        reason = str(refusal) if isinstance(refusal, _REFUSALS) else "It was changed by someone else."
        return _apply_batch(run_id=run_id, steps=1, skip_reason=reason)


@transactional("catalog.import_batch")
def _apply_batch(*, run_id: ObjectId, steps: int, skip_reason: str = "") -> ImportRun:
    run = ImportRun.objects.get(pk=run_id)
    if run.state != State.APPLYING:
        return run
    batch = _next_steps(run, at_most=steps)
    if skip_reason:
        conflicts = {step.pk: skip_reason for step in batch}
    else:
        conflicts = writing.write(batch, actor=run.confirmed_by, origin=run.filename)
    for pk, reason in conflicts.items():
        ImportStep.objects.filter(pk=pk).update(conflict=reason)
    run.applied += len(batch)
    run.conflicts += len(conflicts)
    if run.applied >= run.steps or not batch:
        run.state, run.finished_at = State.DONE, timezone.now()
        _jobs_of(run_id).delete()
    # Concurrent batches conflict here and are retried.
    run.save(update_fields=["state", "applied", "conflicts", "finished_at"])
    return run


def _jobs_of(run_id: ObjectId) -> QuerySet[jobs.Job]:
    return jobs.Job.objects.filter(kind=APPLY, payload={"run": str(run_id)})


def _next_steps(run: ImportRun, *, at_most: int) -> list[ImportStep]:
    following = ImportStep.objects.filter(plan=cast("ObjectId", run.plan), number__gte=run.applied).order_by("number")[
        :at_most
    ]
    batch: list[ImportStep] = []
    for step in following:
        if batch and sum(each.size for each in batch) + step.size > ROWS_AT_ONCE:
            break
        batch.append(step)
    return batch
