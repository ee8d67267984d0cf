"""Jobs whose effect and deletion are one transaction."""

from collections.abc import Callable, Iterator

import pytest
from django.utils import timezone

from shop import jobs
from shop.db import documents
from shop.dev.testing.failures import failing
from shop.dev.testing.tasks import due_again
from shop.jobs import Continue, Job, PeriodicTask

pytestmark = [pytest.mark.django_db, pytest.mark.quick]


@pytest.fixture
def counter() -> Iterator[Callable[[], int]]:
    """Counts the effects of ``tests.count``."""

    @jobs.job("tests.count", in_transaction=True)
    def count() -> None:
        PeriodicTask(name=f"effect {timezone.now().timestamp()}", due_at=timezone.now()).save(force_insert=True)

    count.enqueue()
    yield PeriodicTask.objects.count
    del jobs._kinds["tests.count"]


@pytest.mark.parametrize(
    "fault",
    [
        {"errorCode": 112, "errorLabels": ["TransientTransactionError"]},
        {"closeConnection": True},
        {"writeConcernError": {"code": 91, "errmsg": "shutting down", "errorLabels": ["RetryableWriteError"]}},
    ],
    ids=["conflict", "connection lost", "answer lost"],
)
def test_an_effect_in_the_jobs_transaction_happens_exactly_once(counter: Callable[[], int], fault: dict) -> None:
    with failing("commitTransaction", **fault):
        assert jobs.run_due() == 1
    assert (counter(), Job.objects.count()) == (1, 0)


def test_a_lost_lease_keeps_a_job_in_a_transaction_from_having_its_effect_twice(counter: Callable[[], int]) -> None:
    slow = Job.objects.get()
    assert slow.lease() is True
    due_again()
    assert jobs.run_due() == 1
    jobs._work(slow)
    assert counter() == 1


@pytest.mark.parametrize("fault", [{}, {"errorCode": 112, "errorLabels": ["TransientTransactionError"]}])
def test_a_job_in_a_transaction_that_continues_keeps_what_it_wrote(fault: dict) -> None:
    @jobs.job("tests.count", in_transaction=True)
    def count(*, n: int) -> None:
        PeriodicTask(name=f"effect {n}", due_at=timezone.now()).save(force_insert=True)
        if n < 2:
            raise Continue(n=n + 1)

    try:
        documents.insert(count.job({"n": 1}, urgent=True))
        with failing("commitTransaction", times=1 if fault else 0, **fault):
            assert jobs.run_due(seconds=0) == 1
        assert PeriodicTask.objects.count() == 1
        job = Job.objects.get()
        assert (job.payload, job.attempts, job.last_error, job.urgent) == ({"n": 2}, 0, "", True)
        assert jobs.run_due() == 1
        assert (PeriodicTask.objects.count(), Job.objects.count()) == (2, 0)
    finally:
        del jobs._kinds["tests.count"]
