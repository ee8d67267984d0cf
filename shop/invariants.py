"""What must always be true of the background work."""

from collections.abc import Iterator

from shop.audit import invariant
from shop.jobs import Job


@invariant("no job was given up")
def jobs_are_not_given_up() -> Iterator[str]:
    for job in Job.objects.exclude(given_up_at=None).iterator():
        yield f"{job.kind} {job.payload}: {job.last_error}"
