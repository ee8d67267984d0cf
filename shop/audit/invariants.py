from collections.abc import Iterator
from datetime import timedelta

from django.utils import timezone

from shop.audit import invariant
from shop.db.schema_state import missing_indexes, unapplied_migrations
from shop.jobs import Job, mails

# Mails wait for an unavailable mail server.
MAX_MAIL_DELAY = timedelta(days=2)


@invariant("every migration is applied")
def migrations_are_applied() -> Iterator[str]:
    yield from unapplied_migrations()


@invariant("the database has every index of the models")
def indexes_exist() -> Iterator[str]:
    yield from missing_indexes()


@invariant("no job has failed")
def jobs_are_not_given_up() -> Iterator[str]:
    for job in Job.objects.exclude(given_up_at=None).iterator():
        yield f"{job.kind} {job.payload}: {job.last_error}"


@invariant("no mail is unsent for more than two days")
def mails_are_sent() -> Iterator[str]:
    late = timezone.now() - MAX_MAIL_DELAY
    for job in Job.objects.filter(kind__in=mails.kinds, given_up_at=None, created_at__lt=late).iterator():
        yield f"{job.kind} {job.payload}: queued at {job.created_at:%Y-%m-%d %H:%M}"
